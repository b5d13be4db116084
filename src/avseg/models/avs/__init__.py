"""The AVS model with TPAVI (ECCV 2022)."""

from avseg.models.avs.network import AVSModel, AVSOutput
from avseg.models.avs.tpavi import TPAVI

__all__ = ["TPAVI", "AVSModel", "AVSOutput"]
