"""A predictor that knows the annotations of a made release, in place of a trained run."""

import math
from collections.abc import Iterator

import torch

from avseg.data.lu_avs import Chunk, LUVideo, Release, second_targets, stream
from avseg.media.frame_index import frame_index
from avseg.models.lu_avs.activity import SoundActivity
from avseg.models.lu_avs.aggregation import RegionPrediction
from avseg.predict.long_predictor import LongPredictor
from avseg.predict.prediction import Sound


class Known(LongPredictor):
    """Predicts what a release says.

    Args:
        release: a made one.
        region: "mask", "box" or "none".
        rate: frames per second.
    """

    def __init__(self, release: Release, region: str, rate: float = math.inf) -> None:
        self.release, self.region, self.rate = release, region, rate
        self.names, self.knows_classes = release.labels, True
        self.visual = self.audio = None
        self.model_name = f"known {region}"
        self.settings = {"branch": self.model_name}
        self.chunks = 0

    def listen(self, video: LUVideo) -> Sound:
        """The real waveform; each class is heard while it is annotated for most of a second."""
        targets = second_targets(self._annotated(video), len(self.names))
        plain = super().listen(video)
        activity = SoundActivity(targets, targets > 0.5)
        return Sound(plain.levels, plain.wave, activity if self.region != "visual" else None)

    def watch(self, video: LUVideo, sound: Sound) -> Iterator[tuple[Chunk, RegionPrediction]]:
        """The annotations themselves."""
        for chunk in stream(self._annotated(video), self.release, self.rate):
            self.chunks += 1
            scores = {label: torch.ones(len(chunk.index)) for label in chunk.sounding}
            kinds = {"mask": {"masks": chunk.masks}, "box": {"boxes": chunk.boxes}}
            yield chunk, RegionPrediction(**kinds.get(self.region, {}), scores=scores, sounding=chunk.sounding)

    def _annotated(self, video: LUVideo) -> LUVideo:
        return next(known for known in self.release.videos.values() if known.path == video.path)


def frames_of(video: LUVideo) -> int:
    """The number of its frames."""
    return len(frame_index(video.path))
