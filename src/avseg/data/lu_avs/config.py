"""Options of LU-AVS: how its frames, seconds and sounds are read. Importing this module does not import torch."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Gt

from avseg.config.schema import AtLeastOne, DataConfig, Share, infrastructure


@dataclass(frozen=True)
class LUAVSConfig(DataConfig):
    """Options of `LUAVSDataModule`; `root` is the folder of the release, see `avseg.data.lu_avs.read_release`."""

    builds: ClassVar[str] = "avseg.data.lu_avs.datamodule:LUAVSDataModule"
    data_kind: ClassVar[str] = "long_videos"

    name: str = "lu_avs"
    setting: str = "lu_avs"
    # short side of the frames in pixels, for models of short clips the side of a square; null for the original size,
    # "auto" for the model's preset
    image_size: AtLeastOne | None = None
    long_side: AtLeastOne | None = None  # upper limit of the longer side in pixels
    labels: AtLeastOne | None = (
        None  # number of labels that the data must have, which the model is built for; null: any
    )
    per_video: AtLeastOne = 8  # frames or seconds that an epoch takes from each video
    silent_share: Share = 0.0  # probability that a training frame or second is drawn where no object sounds
    mirror: Share = 0.0  # probability that a training frame is mirrored
    window: AtLeastOne | None = None  # seconds of each video in audio training; null: all. Validation reads all
    share: Share = 0.5  # part of a second that a class must sound to be a target in it
    rate: Annotated[float, Gt(0)] = 2.0  # frames per second at which videos are evaluated
    frames_per_chunk: AtLeastOne = infrastructure(8)  # largest number of frames in memory in an evaluation
    skip_missing: bool = False  # true: continue without videos that were not downloaded
