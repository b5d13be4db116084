"""Audio: front ends that turn sound into model input, and the encoders that embed it."""

from avseg.audio.frontend import FrontEnd, LogMel
from avseg.audio.log_mel import log_mel_patches
from avseg.audio.mel_statistics import MelStatistics
from avseg.audio.vggish import VGGish

__all__ = ["FrontEnd", "LogMel", "MelStatistics", "VGGish", "log_mel_patches"]
