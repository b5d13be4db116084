"""Propose audible segments from the sound."""
