"""LU-AVS: the branches of the strong baseline in training, and long videos in evaluation."""
