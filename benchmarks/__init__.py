"""Speed and memory of this package compared with a plain form of the published method: `python -m benchmarks.run`."""
