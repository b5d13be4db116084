"""The training losses of audio-visual segmentation, one idea per file."""

from avseg.losses.mapping import AudioVisualMappingLoss
from avseg.losses.mask import MaskLoss

__all__ = ["AudioVisualMappingLoss", "MaskLoss"]
