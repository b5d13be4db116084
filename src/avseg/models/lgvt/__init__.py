"""LGVT (NeurIPS 2021), a saliency model of images."""

from avseg.models.lgvt.network import LGVT

__all__ = ["LGVT"]
