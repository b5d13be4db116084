"""The server that stands for the Hub."""

from tests.weights.conftest import cache, shelf

__all__ = ["cache", "shelf"]
