"""Toy audio-visual scenes: coloured shapes, each kind with its own kind of sound, made in seconds."""

from avseg.data.synthetic.toy.cast import ToyCast

__all__ = ["ToyCast"]
