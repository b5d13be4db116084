"""Synthetic long videos in the layout of LU-AVS."""
