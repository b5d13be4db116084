"""Comparison of named methods on one split: scores with intervals and tests, panels, a video, a page.

A method is a run, published weights, or a folder of masks that any program wrote.
"""
