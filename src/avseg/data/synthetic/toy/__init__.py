"""Toy audio-visual scenes: coloured shapes whose class determines their sound, generated in seconds."""

from avseg.data.synthetic.toy.cast import ToyCast

__all__ = ["ToyCast"]
