"""Options of LU-AVS: how its frames, seconds and sounds are read. Importing this module does not import torch."""

from dataclasses import dataclass
from typing import ClassVar

from avseg.config.schema import AtLeastOne, DataConfig, infrastructure
from avseg.utils.errors import UserError

# least values of the options that are counts
_MINIMA = (
    ("batch_size", 1),
    ("num_workers", 0),
    ("labels", 1),
    ("per_video", 1),
    ("window", 1),
    ("frames_per_chunk", 1),
)


@dataclass(frozen=True)
class LUAVSConfig(DataConfig):
    """Options of `LUAVSDataModule`.

    Attributes:
        root: folder of the release, see `avseg.data.lu_avs.read_release`.
        image_size: short side of frames in pixels, None = original size; for `reads="avs"` the side of a square.
        long_side: upper limit of the longer side in pixels.
        batch_size: items per step over all processes.
        num_workers: reading processes per training process; None = one less than the processors, at most 4.
        labels: number of labels that the release must have, as the model is built for it; None = any.
        per_video: frames or seconds that an epoch takes from each video.
        silent_share: probability that such a frame or second is one without a sounding object.
        mirror: probability that a training frame is mirrored.
        window: seconds of each video in training of the audio branch; None = all. Validation reads whole videos.
        share: share of a second that a class must sound to be a target in it.
        rate: frames per second of evaluation streams.
        frames_per_chunk: maximum number of frames of a stream in memory.
        skip_missing: True to continue without videos that were not downloaded.

    Raises:
        UserError: a value out of range.
    """

    builds: ClassVar[str] = "avseg.data.lu_avs.datamodule:LUAVSDataModule"
    kind: ClassVar[str] = "long_videos"

    name: str = "lu_avs"
    setting: str = "lu_avs"
    image_size: AtLeastOne | None = None
    long_side: int | None = None
    labels: int | None = None
    per_video: int = 8
    silent_share: float = 0.0
    mirror: float = 0.0
    window: int | None = None
    share: float = 0.5
    rate: float = 2.0
    frames_per_chunk: int = infrastructure(8)
    skip_missing: bool = False

    def __post_init__(self) -> None:
        for key, least in _MINIMA:
            count = getattr(self, key)
            if count is not None and count < least:
                raise UserError(f"data.{key} {count} is too small; the least is {least}")
        for key in ("silent_share", "mirror", "share"):
            share = getattr(self, key)
            if not 0 <= share <= 1:
                raise UserError(f"data.{key} {share} is not a share; allowed: 0 to 1")
        if not self.rate > 0:
            raise UserError(f"data.rate {self.rate} is too small; use frames per second above 0")
