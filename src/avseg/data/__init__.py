"""Data sets: clips and long videos, synthetic data, packs, preparation and checks."""
