"""AVSBench: S4, MS3 and AVSS, read as released."""
