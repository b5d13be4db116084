"""AAVS, the model of Stepping-Stones (ECCV 2024); its configuration needs no torch, its network does."""

from typing import TYPE_CHECKING

from avseg.utils.lazy import lazy_names

if TYPE_CHECKING:
    from avseg.models.aavs.network import AAVS, AAVSOutput

__all__ = ["AAVS", "AAVSOutput"]
__getattr__ = lazy_names(__name__, {"network": ("AAVS", "AAVSOutput")})
