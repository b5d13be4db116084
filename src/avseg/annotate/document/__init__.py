"""The annotation of a video: operations, journal, history and what can be asked of them."""
