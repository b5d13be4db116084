"""Sound as models take it: front ends and encoders."""

from avseg.audio.log_mel import log_mel_patches
from avseg.audio.mel_statistics import MelStatistics
from avseg.audio.vggish import VGGish

__all__ = ["MelStatistics", "VGGish", "log_mel_patches"]
