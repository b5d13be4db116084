"""Frames and sound of a video to annotate."""
