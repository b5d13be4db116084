"""Synthetic clips in the official layouts: drawn shapes with drawn sounds, or real cut-outs."""
