r"""The best mIoU that is possible without hearing: a floor that a model which listens must leave behind.

The oracle knows the exact mask of every object of a frame and the law by which the sounding objects were drawn, but not
the sound. It marks what has the greatest expected J (the official mIoU of a frame, empty-frame rule included).

It is enough to choose among unions of objects. Let object i have area a_i, of which a share x_i in [0, 1] is marked
(J counts pixels only, so which pixels does not matter), and let the background be one more object that never sounds.
For a truth R that is not empty

    J_R(x) = sum_{i in R} a_i x_i / (sum_{i in R} a_i + sum_{i not in R} a_i x_i),

linear in each x_i of R and, as c / (d + a_i x_i), convex in each other one; for the empty truth
J(x) = 1 - sum_i a_i x_i / (H W) is linear. So the expected J, a sum of these with positive weights, is convex in each
x_i while the others are held: moving one share to 0 or to 1, whichever is better, never lowers it, and doing so for one
object after the other ends at a union of objects. Marking background only lowers J, so its share is 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_EPSILON = 1e-7  # of the official mIoU


@dataclass(frozen=True)
class BlindScores:
    """Mean J in [0, 1] over the frames of a split, for ways to mark without hearing.

    Attributes:
        frames: number of frames.
        silent_share: share of the frames whose truth is empty.
        oracle: expected J of the best union of objects in each frame.
        oracle_drawn: J of these unions against the masks that were in fact drawn; near `oracle` in a large split.
        everything: expected J of marking all objects.
        biggest: expected J of marking the object with the largest visible area.
        nothing: expected J of marking nothing.
    """

    frames: int
    silent_share: float
    oracle: float
    oracle_drawn: float
    everything: float
    biggest: float
    nothing: float


@dataclass(frozen=True)
class BlindFrame:
    """What one frame adds to the scores: J of each way to mark."""

    silent: bool
    oracle: float
    oracle_drawn: float
    everything: float
    biggest: float
    nothing: float


def score_frame(visible: NDArray[np.bool_], prior: NDArray[np.float64], sounding: NDArray[np.bool_]) -> BlindFrame:
    """Scores the ways to mark one frame without hearing.

    Args:
        visible: (N, H, W), the visible pixels of each object; no two share one.
        prior: (2**N,), see `avseg.data.synthetic.schedule.subset_prior`.
        sounding: (N,), who sounds in fact.
    """
    areas = visible.reshape(len(visible), -1).sum(axis=1)
    table = score_table(areas, visible[0].size)
    expected = table @ prior
    best = int(expected.argmax())
    truth = int(sounding @ 2 ** np.arange(len(areas)))
    return BlindFrame(
        silent=bool((areas * sounding).sum() == 0),
        oracle=float(expected[best]),
        oracle_drawn=float(table[best, truth]),
        everything=float(expected[-1]),
        biggest=float(expected[2 ** int(areas.argmax())]),
        nothing=float(expected[0]),
    )


def score_table(areas: NDArray[np.int64], pixels: int) -> NDArray[np.float64]:
    """J of marking each union of objects against each set of sounding objects.

    Args:
        areas: (N,) visible pixels of each object.
        pixels: H * W.

    Returns:
        (2**N, 2**N): [marked, truth]; bit i of a place stands for object i.
    """
    member = np.arange(2 ** len(areas))[:, None] >> np.arange(len(areas)) & 1
    total = member @ areas
    common = (member * areas) @ member.T
    score = common / (total[:, None] + total[None, :] - common + _EPSILON)
    when_empty = (pixels - total) / (pixels + _EPSILON)
    return np.where(total[None, :] == 0, when_empty[:, None], score)


def summarise(frames: Iterable[BlindFrame]) -> BlindScores:
    """Means over the frames of a split; at least one frame."""
    items = list(frames)
    rows = np.array(
        [[f.silent, f.oracle, f.oracle_drawn, f.everything, f.biggest, f.nothing] for f in items], dtype=float
    )
    return BlindScores(len(items), *(float(value) for value in rows.mean(axis=0)))
