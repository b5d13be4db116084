"""A run as one HTML file: curves, scores by category, thresholds, controls, worst clips, configuration."""
