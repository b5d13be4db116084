"""When each class sounds: the audio branch's probabilities smoothed in time (our definition; the paper gives none)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from avseg.utils.errors import UserError


@dataclass(frozen=True)
class Smoothing:
    """How probabilities per second become intervals. Applied in the order of the fields.

    At one step per second the last two change nothing at their defaults: no run or gap is shorter than a second.

    Attributes:
        median: seconds of the median filter on the probabilities; 0 for none.
        threshold: a class is active where its filtered probability is above it (tau_a).
        min_run: active runs shorter than this many seconds are dropped.
        min_gap: gaps between active runs shorter than this many seconds are filled.
    """

    median: float = 3.0
    threshold: float = 0.5
    min_run: float = 1.0
    min_gap: float = 1.0

    def __post_init__(self) -> None:
        for name in ("median", "threshold", "min_run", "min_gap"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UserError(f"smoothing: {name} is {getattr(self, name)}, but must be a number of 0 or more")


@dataclass(frozen=True)
class SoundActivity:
    """What is heard in a video, step by step.

    Attributes:
        scores: (S, K) filtered probabilities a_t(c).
        active: (S, K) bool, the gate.
        rate: steps per second.
    """

    scores: Tensor
    active: Tensor
    rate: float = 1.0

    def at(self, seconds: Tensor) -> "SoundActivity":
        """The steps in which frames at the times (n,) lie; a frame after the end of the sound takes the last step."""
        if not len(self.scores):
            silence = self.scores.new_zeros(len(seconds), self.scores.shape[1])
            return SoundActivity(silence, silence.bool(), self.rate)
        # a frame's time is a multiple of 1/fps in floating point: 2.9999999 s is the frame at 3 s
        step = (seconds.double() * self.rate + 1e-6).floor().long().clamp(0, len(self.scores) - 1)
        step = step.to(self.scores.device)
        return SoundActivity(self.scores[step], self.active[step], self.rate)


def sound_activity(probabilities: Tensor, smoothing: Smoothing | None = None, *, rate: float = 1.0) -> SoundActivity:
    """Smooths and thresholds a whole video's probabilities.

    Args:
        probabilities: (S, K), 0 to 1, one row per step.
        smoothing: None for the defaults.
        rate: steps per second.
    """
    how = smoothing or Smoothing()
    scores = median_filter(probabilities, how.median * rate)
    active = scores > how.threshold
    active = active & ~_short_runs(active, how.min_run * rate)
    active = active | _short_runs(~active, how.min_gap * rate, inner=True)
    return SoundActivity(scores, active, rate)


def median_filter(values: Tensor, window: float) -> Tensor:
    """The running median down the rows of (S, K); before the first and after the last row their values go on.

    Args:
        values: (S, K).
        window: rows; rounded, and an even number to the next odd one.
    """
    half = round(window) // 2
    if not half or not len(values):
        return values
    padded = functional.pad(values.T[None], (half, half), mode="replicate")[0].T
    return padded.unfold(0, 2 * half + 1, 1).median(-1).values


def _short_runs(flags: Tensor, least: float, *, inner: bool = False) -> Tensor:
    """Marks the runs of true in each column of (S, K) with fewer rows than `least`; `inner`: not those at the ends."""
    marked = torch.zeros_like(flags)
    edges = functional.pad(flags.T.int(), (1, 1)).diff()
    starts, ends = (edges == 1).nonzero(), (edges == -1).nonzero()
    for (column, start), (_, end) in zip(starts.tolist(), ends.tolist(), strict=True):
        at_end = start == 0 or end == len(flags)
        if end - start < least and not (inner and at_end):
            marked[start:end, column] = True
    return marked
