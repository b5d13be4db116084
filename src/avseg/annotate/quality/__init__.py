"""Score propagated masks and rank segments for review."""
