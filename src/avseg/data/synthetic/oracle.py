r"""Compute the best mIoU that is possible without sound: a floor that an audio-visual model must exceed.

The oracle knows the exact mask of every object of a frame and the distribution of the schedules, but not the sound. It
predicts the pixels with the greatest expected J (the official mIoU of a frame, including the empty-frame rule).

It is enough to choose among unions of objects. Let object i have area a_i, of which a share x_i in [0, 1] is predicted
(J counts pixels only, so their position does not matter), and let the background be one more object that never sounds.
For a non-empty truth R

    J_R(x) = sum_{i in R} a_i x_i / (sum_{i in R} a_i + sum_{i not in R} a_i x_i),

linear in each x_i of R and, as c / (d + a_i x_i), convex in each other one; for the empty truth
J(x) = 1 - sum_i a_i x_i / (H W) is linear. So the expected J, a sum of these with positive weights, is convex in each
x_i while the others are fixed: moving one share to 0 or to 1, whichever is better, never lowers it, and doing so for
one object after the other ends at a union of objects. Predicting background only lowers J, so its share is 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_EPSILON = 1e-7  # of the official mIoU


@dataclass(frozen=True)
class BlindScores:
    """Mean J in [0, 1] over the frames of a split, for predictions without sound."""

    frames: int
    silent_share: float  # share of the frames with an empty truth
    oracle: float  # expected J of the best union of objects in each frame
    oracle_drawn: float  # J of these unions against the masks that were actually drawn; near `oracle` in a large split
    everything: float  # expected J of predicting all objects
    biggest: float  # expected J of predicting the object with the largest visible area
    nothing: float  # expected J of predicting no pixel


class BlindFrame(NamedTuple):
    """Contribution of one frame to the scores: J of each prediction, in the order of `BlindScores`."""

    silent: bool
    oracle: float
    oracle_drawn: float
    everything: float
    biggest: float
    nothing: float


def score_frame(visible: NDArray[np.bool_], prior: NDArray[np.float64], sounding: NDArray[np.bool_]) -> BlindFrame:
    """Score the predictions without sound on one frame.

    Takes the disjoint visible pixels (N, H, W) of the objects, the `subset_prior` (2**N,) of the schedule, and True for
    each object that was drawn as sounding, (N,).
    """
    areas = visible.reshape(len(visible), -1).sum(axis=1)  # (N,)
    table = score_table(areas, visible[0].size)  # (2**N, 2**N)
    expected = table @ prior  # (2**N,) by predicted union
    best = int(expected.argmax())
    truth = int(sounding @ 2 ** np.arange(len(areas)))  # index of the set that sounds
    return BlindFrame(
        silent=bool((areas * sounding).sum() == 0),
        oracle=float(expected[best]),
        oracle_drawn=float(table[best, truth]),
        everything=float(expected[-1]),
        biggest=float(expected[2 ** int(areas.argmax())]),
        nothing=float(expected[0]),
    )


def score_table(areas: NDArray[np.int64], pixels: int) -> NDArray[np.float64]:
    """Compute J of each predicted union of objects against each set that sounds, (2**N, 2**N): [predicted, truth].

    Bit i of an index stands for object i, of which `areas[i]` of the image's H * W `pixels` are visible.
    """
    member = np.arange(2 ** len(areas))[:, None] >> np.arange(len(areas)) & 1  # (2**N, N)
    total = member @ areas  # (2**N,) pixels of each set
    intersection = (member * areas) @ member.T  # (2**N, 2**N)
    score = intersection / (total[:, None] + total[None, :] - intersection + _EPSILON)
    when_empty = (pixels - total) / (pixels + _EPSILON)
    return np.where(total[None, :] == 0, when_empty[:, None], score)


def summarise(frames: Iterable[BlindFrame]) -> BlindScores:
    """Average over the frames of a split; at least one frame."""
    rows = np.array(list(frames), dtype=float)  # (frames, 6)
    return BlindScores(len(rows), *rows.mean(axis=0).tolist())
