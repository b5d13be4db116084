"""avseg: mark the pixels of the objects that sound."""

__version__ = "0.1.0"
