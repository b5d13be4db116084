"""LGVT (NeurIPS 2021), a saliency model of images. Importing the package imports no torch, its network does."""

from typing import TYPE_CHECKING

from avseg.utils.lazy import lazy_names

if TYPE_CHECKING:
    from avseg.models.lgvt.network import LGVT

__all__ = ["LGVT"]
__getattr__ = lazy_names(__name__, {"network": ("LGVT",)})
