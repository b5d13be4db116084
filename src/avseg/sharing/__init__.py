"""Share a model: a folder or a repository of the Hugging Face Hub, with a card that is written from the run."""
