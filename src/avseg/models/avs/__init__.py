"""The AVS model with TPAVI (ECCV 2022). Importing the package imports no torch, its networks do."""

from typing import TYPE_CHECKING

from avseg.utils.lazy import lazy_names

if TYPE_CHECKING:
    from avseg.models.avs.network import AVSModel, AVSOutput
    from avseg.models.avs.tpavi import TPAVI

__all__ = ["TPAVI", "AVSModel", "AVSOutput"]
__getattr__ = lazy_names(__name__, {"network": ("AVSModel", "AVSOutput"), "tpavi": ("TPAVI",)})
