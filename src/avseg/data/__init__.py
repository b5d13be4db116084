"""Data on disk to clip batches: layouts, pictures, sound, datasets, the data module."""
