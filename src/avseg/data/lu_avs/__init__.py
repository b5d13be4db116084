"""LU-AVS: long untrimmed videos with audible segments, read as released.

"Benchmarking Audio Visual Segmentation for Long-Untrimmed Videos", CVPR 2024. See docs/lu_avs_data.md.
"""

from typing import TYPE_CHECKING

from avseg.utils.lazy import lazy_names

if TYPE_CHECKING:
    from avseg.data.lu_avs.batches import Chunk, FrameBatch, SoundBatch
    from avseg.data.lu_avs.config import LUAVSConfig
    from avseg.data.lu_avs.datamodule import LUAVSDataModule
    from avseg.data.lu_avs.release import read_release
    from avseg.data.lu_avs.resize import Fit
    from avseg.data.lu_avs.sound import second_targets, sound_patches
    from avseg.data.lu_avs.streaming import read_chunks
    from avseg.data.lu_avs.types import LUVideo, Release, Segment

__all__ = [
    "Chunk",
    "Fit",
    "FrameBatch",
    "LUAVSConfig",
    "LUAVSDataModule",
    "LUVideo",
    "Release",
    "Segment",
    "SoundBatch",
    "read_chunks",
    "read_release",
    "second_targets",
    "sound_patches",
]
# options are read without torch
__getattr__ = lazy_names(
    __name__,
    {
        "batches": ("Chunk", "FrameBatch", "SoundBatch"),
        "config": ("LUAVSConfig",),
        "datamodule": ("LUAVSDataModule",),
        "release": ("read_release",),
        "resize": ("Fit",),
        "sound": ("second_targets", "sound_patches"),
        "streaming": ("read_chunks",),
        "types": ("LUVideo", "Release", "Segment"),
    },
)
