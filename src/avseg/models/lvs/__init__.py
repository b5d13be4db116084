"""LVS, Localizing Visual Sounds the Hard Way (CVPR 2021). Importing the package imports no torch, its network does."""

from typing import TYPE_CHECKING

from avseg.utils.lazy import lazy_names

if TYPE_CHECKING:
    from avseg.models.lvs.network import LVS, LVSOutput

__all__ = ["LVS", "LVSOutput"]
__getattr__ = lazy_names(__name__, {"network": ("LVS", "LVSOutput")})
