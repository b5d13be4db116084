"""Options of LU-AVS: how its frames, seconds and sounds are read. Importing this module does not import torch."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Gt

from avseg.config.schema import AtLeastOne, DataConfig, Share, infrastructure


@dataclass(frozen=True)
class LUAVSConfig(DataConfig):
    """Options of `LUAVSDataModule`.

    Attributes:
        root: folder of the release, see `avseg.data.lu_avs.read_release`.
        image_size: short side of frames in pixels, None = original size; for `reads="avs"` the side of a square.
        long_side: upper limit of the longer side in pixels.
        labels: number of labels that the release must have, as the model is built for it; None = any.
        per_video: frames or seconds that an epoch takes from each video.
        silent_share: probability that such a frame or second is one without a sounding object.
        mirror: probability that a training frame is mirrored.
        window: seconds of each video in training of the audio branch; None = all. Validation reads whole videos.
        share: share of a second that a class must sound to be a target in it.
        rate: frames per second at which videos are evaluated.
        frames_per_chunk: maximum number of frames in memory in an evaluation.
        skip_missing: True to continue without videos that were not downloaded.
    """

    builds: ClassVar[str] = "avseg.data.lu_avs.datamodule:LUAVSDataModule"
    kind: ClassVar[str] = "long_videos"

    name: str = "lu_avs"
    setting: str = "lu_avs"
    image_size: AtLeastOne | None = None  # "auto" in conf/data/lu_avs.yaml takes that of the model
    long_side: AtLeastOne | None = None
    labels: AtLeastOne | None = None
    per_video: AtLeastOne = 8
    silent_share: Share = 0.0
    mirror: Share = 0.0
    window: AtLeastOne | None = None
    share: Share = 0.5
    rate: Annotated[float, Gt(0)] = 2.0
    frames_per_chunk: AtLeastOne = infrastructure(8)
    skip_missing: bool = False
