"""The configuration of an AVSBench data set; imports nothing heavy."""

from dataclasses import dataclass
from typing import Literal

from avseg.data.palette import Stray

AudioFiles = Literal["auto", "wav", "log_mel"]
Packed = Literal["auto"] | bool
PackedAudio = Literal["patches", "embeddings"]


@dataclass(frozen=True)
class AVSBenchConfig:
    """Options for reading an AVSBench data set.

    Attributes:
        name: the option of the group `data`.
        setting: "s4", "ms3" or "avss".
        root: the folder that holds the index file.
        image_size: side of frames and masks in pixels.
        batch_size: clips per step over all processes.
        num_workers: reading processes per training process; None for one less than the processors, at most 4.
        num_classes: channels of the prediction, 1 for sounding or not.
        audio: "wav", "log_mel" (the released files), or "auto": the wav where there is one, else the log-mel file.
        packed: "auto" for the pack of a split (`avseg.data.pack`) where there is one, otherwise the files; True for
            packs only; False for files only. A pack that is damaged or older than the files is refused.
        packed_audio: "embeddings" for clips that carry packed VGGish embeddings (B, T, 128); needs packs.
        stray: AVSS: how to treat colours of no class, see `avseg.data.palette.class_indices`.
    """

    name: str = ""
    setting: str = "ms3"
    root: str = ""
    image_size: int = 224
    batch_size: int = 4
    num_workers: int | None = None
    num_classes: int = 1
    audio: AudioFiles = "auto"
    packed: Packed = "auto"
    packed_audio: PackedAudio = "patches"
    stray: Stray = "background"
