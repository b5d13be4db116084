"""Synthetic long videos, written as a LU-AVS release."""
