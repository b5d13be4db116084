"""Speed and memory of this package beside a plain form of the published method: `python -m benchmarks.run`."""
