"""Segmenter with the file of ISNet, which users fetch themselves."""
