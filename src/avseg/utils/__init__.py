"""Mechanisms that every layer shares, each implemented once."""
