"""A propagator with the features of EfficientNet-Lite0, whose weights come with a Python package: fast on a CPU."""
