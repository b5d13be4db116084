"""A predictor that returns the annotations of a synthetic release, in place of a trained run."""

import math
from collections.abc import Iterator

import numpy as np
import torch

from avseg.data.lu_avs import Chunk, LUVideo, Release, read_chunks, second_targets
from avseg.media.frame_index import frame_index
from avseg.media.sound_reader import sound_seconds
from avseg.media.video import Video
from avseg.models.lu_avs.activity import SoundActivity
from avseg.models.lu_avs.aggregation import RegionPrediction
from avseg.prediction.long_predictor import LongPredictor, measure_seconds
from avseg.prediction.prediction import Sound


class Known(LongPredictor):
    """Predicts the annotations of a release.

    Args:
        release: a synthetic one.
        region: "mask", "box" or "none".
        rate: frames per second.
    """

    def __init__(self, release: Release, region: str, rate: float = math.inf) -> None:
        self.release = release
        self.region = region
        self.rate = rate
        self.names = release.labels
        self.model_name = f"known {region}"
        self.settings = {"model": self.model_name}
        self.chunks = 0

    def listen(self, video: Video) -> Sound:
        """Read the waveform; each class is audible while it is annotated for most of a second."""
        targets = second_targets(self._annotated(video), len(self.names))
        levels: list[float] = []
        extrema: list[np.ndarray] = []
        for _ in measure_seconds(sound_seconds(video), levels, extrema):
            pass
        return Sound(levels, np.concatenate(extrema), SoundActivity(targets, targets > 0.5))

    def watch(self, video: Video, sound: Sound) -> Iterator[tuple[Chunk, RegionPrediction]]:
        """Yield the annotations themselves."""
        for chunk in read_chunks(self._annotated(video), self.rate):
            self.chunks += 1
            scores = {label: torch.ones(len(chunk.index)) for label in chunk.sounding}
            kinds = {"mask": {"masks": chunk.masks}, "box": {"boxes": chunk.boxes}}
            yield chunk, RegionPrediction(**kinds.get(self.region, {}), scores=scores, sounding=chunk.sounding)

    def _annotated(self, video: Video) -> LUVideo:
        return next(known for known in self.release.videos.values() if known.path == video.path)


def frames_of(video: LUVideo) -> int:
    """The number of its frames."""
    return len(frame_index(video.path))
