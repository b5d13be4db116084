"""A prediction of a video: a stream of scored frames, and the level of its sound in each second."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from avseg.media.video import Video
from avseg.models.lu_avs.activity import SoundActivity

SILENT_DBFS = -120.0  # level of digital silence; minus infinity is not valid JSON


@dataclass(frozen=True, eq=False)
class FramePrediction:
    """The prediction in one scored frame."""

    number: int
    time: float  # seconds
    begin: int  # the first frame that shows this prediction; it holds until the next one's
    second: int
    probability: np.ndarray | None = None  # (h, w) float32, that a pixel sounds; None where classes are predicted
    masks: dict[int, np.ndarray] = field(default_factory=dict)  # by class (H, W) bool, none empty
    # by predicted class (k, 4) float32 with k >= 1: the regions, the boxes around the masks, or one row of NaN for a
    # class without a region, of which only the time is predicted
    boxes: dict[int, np.ndarray] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)  # by class, of its best region
    audible: frozenset[int] = frozenset()  # classes that the audio branch detects, visible or not
    # probabilities (h, w) by class, of a model of K > 1 classes: the background, and each class that wins somewhere
    class_maps: dict[int, np.ndarray] | None = None


@dataclass(frozen=True, eq=False)
class Sound:
    """The sound of a video of S seconds."""

    levels: list[float] = field(default_factory=list)  # root mean square of each second against full scale, in dB
    # (n, 2) lowest and highest sample of equal parts of the S seconds; empty if not needed
    wave: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    activity: SoundActivity | None = None  # None for a model that does not classify sound


@dataclass(frozen=True, eq=False)
class VideoPrediction:
    """The prediction of one video, computed while `frames` is consumed."""

    video: Video
    frames: Iterator[FramePrediction]  # in order, to be consumed once
    sound: Sound  # its `levels` reach at least to the second of the last consumed frame


def sound_level(samples: np.ndarray) -> float:
    """Return the root mean square against full scale in dB, at least `SILENT_DBFS`."""
    # double precision, as the mean has 16,000 terms
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return max(SILENT_DBFS, 10 * math.log10(power)) if power > 0 else SILENT_DBFS
