"""The configuration of an AVSBench data set; importing it imports no torch."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from avseg.config.schema import DataConfig, infrastructure
from avseg.data.palette import Stray
from avseg.utils.errors import UserError

AudioFiles = Literal["auto", "wav", "log_mel"]
Packed = Literal["auto", True, False]
PackedAudio = Literal["patches", "embeddings"]


@dataclass(frozen=True)
class AVSBenchConfig(DataConfig):
    """Options for reading an AVSBench data set; `root` is the folder that holds the index file."""

    builds: ClassVar[str] = "avseg.data.avsbench.datamodule:AVSBenchDataModule"

    name: str = ""
    setting: str = "ms3"  # "s4", "ms3" or "avss"
    # "wav": the sound files; "log_mel": the released log-mel files; "auto": the wav if it exists, else the log-mel file
    audio: AudioFiles = "auto"
    # "auto": the pack of a split (`avseg data pack`) if it exists, otherwise the files; true: packs only; false: files
    # only. A pack that is damaged or older than the files is refused.
    packed: Packed = infrastructure("auto")
    # "patches": log-mel patches, encoded in each step; "embeddings": the outputs of VGGish (B, T, 128), from packs only
    packed_audio: PackedAudio = infrastructure("patches")
    # AVSS: pixels whose colour is of no class count as "background" or as the "nearest" class, or are an "error"
    stray: Stray = "background"

    @property
    def side(self) -> int:
        """The side of frames and masks in pixels; raises `UserError` if it is null, as frames on disk differ."""
        if self.image_size is None:
            raise UserError("data.image_size is null; AVSBench needs a number of pixels, 224 in the paper")
        return self.image_size

    def check(self) -> None:
        """Check that there is an image size; raises `UserError`."""
        _ = self.side
