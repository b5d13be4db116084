"""One folder per model."""
