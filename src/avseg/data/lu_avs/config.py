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
    # short side of frames in pixels, None = original size; for `reads="avs"` the side of a square;
    image_size: AtLeastOne | None = None  # "auto" in conf/data/lu_avs.yaml takes that of the model
    long_side: AtLeastOne | None = None  # upper limit of the longer side in pixels
    labels: AtLeastOne | None = None  # number that the release must have, as the model is built for it; None = any
    per_video: AtLeastOne = 8  # frames or seconds that an epoch takes from each video
    silent_share: Share = 0.0  # probability that such a frame or second is one without a sounding object
    mirror: Share = 0.0  # probability that a training frame is mirrored
    window: AtLeastOne | None = None  # seconds of each video in audio training; None = all. Validation reads all
    share: Share = 0.5  # of a second that a class must sound to be a target in it
    rate: Annotated[float, Gt(0)] = 2.0  # frames per second at which videos are evaluated
    frames_per_chunk: AtLeastOne = infrastructure(8)  # maximum number of frames in memory in an evaluation
    skip_missing: bool = False  # True to continue without videos that were not downloaded
