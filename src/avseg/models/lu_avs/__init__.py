"""The strong baseline of LU-AVS (CVPR 2024): visual branches, an audio branch, and their aggregation."""
