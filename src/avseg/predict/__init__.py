"""From a video to masks on disk."""
