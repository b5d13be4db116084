"""Audio: front ends that turn sound into model input, and the encoders that embed it."""

from typing import TYPE_CHECKING

from avseg.utils.lazy import lazy_names

if TYPE_CHECKING:
    from avseg.audio.frontend import FrontEnd, LogMel
    from avseg.audio.log_mel import log_mel_patches
    from avseg.audio.mel_statistics import MelStatistics
    from avseg.audio.vggish import VGGish

__all__ = ["FrontEnd", "LogMel", "MelStatistics", "VGGish", "log_mel_patches"]
# options of the encoders are read without torch
__getattr__ = lazy_names(
    __name__,
    {
        "frontend": ("FrontEnd", "LogMel"),
        "log_mel": ("log_mel_patches",),
        "mel_statistics": ("MelStatistics",),
        "vggish": ("VGGish",),
    },
)
