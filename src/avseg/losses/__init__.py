"""The training losses of audio-visual segmentation, one idea per file."""

from avseg.losses.box_query import BoxQueryLoss
from avseg.losses.mapping import AudioVisualMappingLoss
from avseg.losses.mask import MaskLoss
from avseg.losses.mask_query import MaskQueryLoss
from avseg.losses.silent import SilentObjectLoss
from avseg.losses.sound import SoundLoss

__all__ = ["AudioVisualMappingLoss", "BoxQueryLoss", "MaskLoss", "MaskQueryLoss", "SilentObjectLoss", "SoundLoss"]
