"""Models of short clips on long videos, as LU-AVS adapts TPAVI: a second of sound, five frames of it (Table 2)."""

from copy import copy
from typing import ClassVar, Self

import torch

from avseg.config.schema import Plain
from avseg.data.lu_avs.evaluation import VideoReader
from avseg.data.lu_avs.seconds import FRAMES_PER_SECOND
from avseg.models.aavs.module import AAVSModule
from avseg.models.avs.module import AVSModule
from avseg.models.avsegformer.module import AVSegFormerModule
from avseg.models.base import AVSegModule
from avseg.models.lu_avs.activity import SoundActivity
from avseg.models.lu_avs.aggregation import RegionPrediction
from avseg.models.lu_avs.base import Choices, LongVideoModule, Predictions
from avseg.models.lu_avs.queries import to_pixels


class LongClipModule(LongVideoModule, AVSegModule):  # type: ignore[misc]  # tested on videos, not on clips
    """Trains like the model of short clips that it is combined with.

    That knows no classes, so in the scores everything that sounds is one region.
    """

    fixed_frames: ClassVar[str] = "takes five frames of each second"
    square_frames: ClassVar[bool] = True
    modality = "AV"
    threshold = 0.5  # of the probability that a pixel sounds

    @property
    def choices(self) -> Choices:
        """The rate is that of the training, not one of the evaluation."""
        return super().choices | {"data": {"labels": len(self.labels), "rate": FRAMES_PER_SECOND}}

    @property
    def class_names(self) -> list[str]:
        """One name for everything that sounds."""
        return ["sounding"]

    @property
    def prediction_settings(self) -> dict[str, Plain]:
        """Rate and threshold of the probability that a pixel sounds."""
        return {"rate": FRAMES_PER_SECOND, "threshold": self.threshold}

    def with_threshold(self, threshold: float) -> Self:
        """Change the probability above which a pixel sounds."""
        changed = copy(self)
        changed.threshold = threshold
        return changed

    def predict_frames(self, reader: VideoReader, activity: SoundActivity | None) -> Predictions:
        """Predict the sounding pixels of the five frames of each second, with the sound of that second."""
        assert self.frontend is not None
        for chunk, item in reader.seconds(self.frontend):
            sound = item.expand(1, len(chunk.frames), *item.shape).to(self.device)  # (1, 5, *shape)
            probabilities = self.predict_batch(chunk.frames[None].to(self.device), sound)[0]
            masks = to_pixels(torch.logit(probabilities, eps=1e-6), reader.size, self.threshold)
            yield chunk, RegionPrediction(masks={0: masks})


class LongAVSModule(LongClipModule, AVSModule):  # type: ignore[misc]
    """TPAVI on long videos."""


class LongAVSegFormerModule(LongClipModule, AVSegFormerModule):  # type: ignore[misc]
    """AVSegFormer on long videos."""


class LongAAVSModule(LongClipModule, AAVSModule):  # type: ignore[misc]
    """AAVS on long videos."""
