"""Smooth the audio branch's probabilities in time to intervals of sound (our definition; the paper has none)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from avseg.utils.errors import UserError


@dataclass(frozen=True)
class Smoothing:
    """Options that turn probabilities per second into intervals, applied in the order of the fields; all in seconds.

    A median filter on the probabilities (0 for none); a class is active where the result is above `threshold` (tau_a);
    shorter active runs than `min_run` are dropped, shorter gaps than `min_gap` filled. At one step per second the last
    two change nothing at their defaults: every run and gap lasts a second or more.
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
    """Filtered probabilities a_t(c) (S, K) of a video's classes, and the gate (S, K) bool; `rate` steps per second."""

    scores: Tensor
    active: Tensor
    rate: float = 1.0

    def at(self, seconds: Tensor) -> "SoundActivity":
        """Select the steps of frames at the times (n,); a frame after the end of the sound takes the last step."""
        if not len(self.scores):  # a video without sound
            silence = self.scores.new_zeros(len(seconds), self.scores.shape[1])
            return SoundActivity(silence, silence.bool(), self.rate)
        # times are multiples of 1/fps in floating point: 2.9999999 s means the frame at 3 s
        step = (seconds.double() * self.rate + 1e-6).floor().long().clamp(0, len(self.scores) - 1)
        step = step.to(self.scores.device)
        return SoundActivity(self.scores[step], self.active[step], self.rate)  # (n, K)


def sound_activity(probabilities: Tensor, smoothing: Smoothing | None = None, *, rate: float = 1.0) -> SoundActivity:
    """Smooth and threshold the probabilities (S, K) of a whole video, at `rate` steps per second."""
    smoothing = smoothing or Smoothing()
    scores = median_filter(probabilities, smoothing.median * rate)
    active = scores > smoothing.threshold
    active = active & ~_short_runs(active, smoothing.min_run * rate)
    # silence before the first and after the last sound is not a gap
    active = active | _short_runs(~active, smoothing.min_gap * rate, inner_only=True)
    return SoundActivity(scores, active, rate)


def median_filter(values: Tensor, window: float) -> Tensor:
    """Compute the running median along the rows of (S, K); the first and last row are repeated at the ends.

    The window, a number of rows, is rounded, and an even number to the next odd one.
    """
    half = round(window) // 2  # rows on each side
    if not half or not len(values):
        return values
    padded = functional.pad(values.T[None], (half, half), mode="replicate")[0].T  # (S + 2 half, K)
    return padded.unfold(0, 2 * half + 1, 1).median(-1).values  # of (S, K, window)


def _short_runs(flags: Tensor, min_length: float, *, inner_only: bool = False) -> Tensor:
    """Mark the runs of True shorter than `min_length` rows in each column of (S, K); `inner_only`: not at the ends."""
    marked = torch.zeros_like(flags)
    edges = functional.pad(flags.T.int(), (1, 1)).diff()  # (K, S + 1)
    starts = (edges == 1).nonzero()
    ends = (edges == -1).nonzero()
    for (column, start), (_, end) in zip(starts.tolist(), ends.tolist(), strict=True):
        at_end = start == 0 or end == len(flags)
        if end - start < min_length and not (inner_only and at_end):
            marked[start:end, column] = True
    return marked
