"""How good a propagated mask is, from what is known without a truth: terms per frame, a score, numbers per segment.

Every term is 0 to 1, 1 is good, and needs no further model. The weights are fixed; each frame keeps its terms, so that
the weights can be fitted later to what annotators accepted and what they mended.

How often a spoiled propagation comes first in the queue among six good ones, on toy films that the weights were not
chosen on (start from another object, lost, leaked, swapped, frozen, jitter, shrunk, dilated; default backends; the one
that is missed starts from another object of the same colours):

| terms | one accepted frame, 32 cases | both ends accepted, 15 cases |
|---|---|---|
| all | 0.97 | 1.00 |
| all without agreement / that alone | - | 0.93 / 1.00 |
| all without evidence / that alone | 0.97 / 0.88 | 1.00 / 0.73 |
| all without refined_iou / that alone | 0.97 / 0.81 | 1.00 / 0.53 |
| all without likeness / that alone | 0.88 / 0.81 | 1.00 / 0.80 |
| all without segmenter / that alone | 0.97 / 0.75 | 1.00 / 0.67 |
| all without area / that alone | 0.97 / 0.75 | 1.00 / 0.73 |
| all without shape / that alone | 0.97 / 0.62 | 1.00 / 0.67 |
| all without certainty / that alone | 0.97 / 0.31 | 1.00 / 0.33 |
| all without nearness / that alone | 0.97 / 0.25 | 1.00 / 0.27 |
| all without focus, whole or visible / that alone | 0.97 / 0.00 | 1.00 / 0.00 |
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from avseg.annotate.propagation.refine import iou
from avseg.annotate.protocols import Affinity, Mask, Probability

BAD = 0.5  # a score below this asks for a look
FLOOR = 0.02  # the least a term can be, so that one of 0 does not hide all others


class Weight(NamedTuple):
    """How much a term counts, and the value from which on nothing is wrong."""

    weight: float
    fine: float = 1.0


WEIGHTS = {
    # the strongest: two ways from two accepted frames meet only where both are right
    "agreement": Weight(3.0, 0.9),
    # a mask that the memory of the accepted frame does not see where the mask is: leaked, lost, swapped, frozen
    "evidence": Weight(2.0, 0.7),
    # the segmenter sees edges of this picture alone, the propagator time: where they differ, one has drifted
    "refined_iou": Weight(2.0, 0.9),
    # the colours of the accepted masks, also of other segments: only this knows a start from another object
    "likeness": Weight(2.0, 0.8),
    # its own opinion; it is as sure of a part, or of a neighbour, as of the object
    "segmenter": Weight(1.0, 0.85),
    # how near the nearest prototypes are, and how few they are; both fall with light and blur as well
    "nearness": Weight(0.25, 0.3),
    "focus": Weight(0.1, 0.3),
    # soft masks are soft at every edge, more so of small objects
    "certainty": Weight(0.5, 0.8),
    # jumps in time; true objects are covered and turn too
    "shape": Weight(1.0, 0.85),
    "area": Weight(1.0, 0.9),
    # pieces are a sign of a leak, or of something in front
    "whole": Weight(0.25, 0.5),
    # an object that is gone is either out of sight, for the annotator to say, or lost
    "visible": Weight(2.0),
}


@dataclass(frozen=True)
class SegmentQuality:
    """Scores of a segment's frames in three numbers.

    Attributes:
        minimum: of the scores.
        p10: their 10th percentile.
        longest_bad_run: most frames in a row with a score below `BAD`.
    """

    minimum: float
    p10: float
    longest_bad_run: int


def score(terms: Mapping[str, float]) -> float:
    """The weighted geometric mean of the terms, 0 to 1: one bad term is enough to draw a look.

    Args:
        terms: some of `WEIGHTS`; unknown ones are only told, not counted. 1 where none is known.
    """
    known = {name: WEIGHTS[name] for name in terms if name in WEIGHTS}
    if not known:
        return 1.0
    logs = sum(weight * math.log(min(max(terms[name] / fine, FLOOR), 1.0)) for name, (weight, fine) in known.items())
    return math.exp(logs / sum(weight for weight, _ in known.values()))


def segment_quality(scores: Sequence[float]) -> SegmentQuality:
    """Sums up the scores of consecutive frames; of no frame: all is well."""
    if not len(scores):
        return SegmentQuality(1.0, 1.0, 0)
    start, end = longest_bad_run(scores)
    return SegmentQuality(float(min(scores)), float(np.percentile(np.asarray(scores), 10)), end - start)


def longest_bad_run(scores: Sequence[float]) -> tuple[int, int]:
    """The first of the longest runs of scores below `BAD`, as [start, end) in places of the sequence."""
    best, start = (0, 0), 0
    for place, value in enumerate([*scores, 1.0]):
        if value >= BAD:
            if place - start > best[1] - best[0]:
                best = (start, place)
            start = place + 1
    return best


def mask_terms(mask: Mask, probability: Probability, previous: Mask | None) -> dict[str, float]:
    """Terms of one mask by itself and beside the one before.

    Args:
        mask: (H, W).
        probability: (H, W), what the propagator said.
        previous: (H, W), the mask of the neighbouring frame that it came from; None where there is none.
    """
    if not mask.any():
        return {"visible": 0.0}
    terms = {"visible": 1.0, "whole": 1 / components(mask), "certainty": certainty(probability)}
    if previous is not None and previous.any():
        areas = sorted((np.count_nonzero(mask), np.count_nonzero(previous)))
        terms["area"] = float(areas[0] / areas[1])
        terms["shape"] = shifted_iou(mask, previous)
    return terms


def affinity_terms(affinity: Affinity | None, mask: Mask) -> dict[str, float]:
    """Terms of what the memory says where the mask is.

    `evidence` is the overlap of the mask with where the memory sees the object, in the mask's neighbourhood.
    """
    if affinity is None or not mask.any():
        return {}
    covered = coverage(mask, affinity.centres)
    inside = covered if covered.max() > 0 else covered + 1
    near = _neighbourhood(mask, affinity.centres)
    low, high = np.minimum(affinity.evidence, covered)[near].sum(), np.maximum(affinity.evidence, covered)[near].sum()
    return {
        "evidence": float(low / high) if high > 0 else 0.0,
        "nearness": float(np.average(affinity.strongest, weights=inside)),
        "focus": 1 - float(np.average(affinity.entropy, weights=inside)),
    }


def coverage(mask: Mask, centres: npt.NDArray[np.float32], samples: int = 3) -> npt.NDArray[np.float32]:
    """The share of each cell that a mask covers, (h, w); centres (h, w, 2) in pixels."""
    side_x, side_y = _cell_size(centres, mask.shape)
    offsets = (np.arange(samples) + 0.5) / samples - 0.5
    total = np.zeros(centres.shape[:2], np.float32)
    for dy in offsets:
        for dx in offsets:
            x = np.clip(centres[..., 0] + dx * side_x, 0, mask.shape[1] - 1).astype(np.int64)
            y = np.clip(centres[..., 1] + dy * side_y, 0, mask.shape[0] - 1).astype(np.int64)
            total += mask[y, x]
    return np.asarray(total / samples**2, np.float32)


def components(mask: Mask, least: float = 0.02) -> int:
    """How many pieces a mask has, without those of less than a share `least` of it; at least 1."""
    pieces, count = ndimage.label(mask)
    if count <= 1:
        return 1
    sizes = np.bincount(pieces.ravel())[1:]
    return max(int((sizes >= least * sizes.sum()).sum()), 1)


def certainty(probability: Probability) -> float:
    """Mean of 2 |p - 0.5| over the pixels that the object may have, p > 0.1."""
    possible = probability[probability > 0.1]
    return float(np.abs(2 * possible - 1).mean()) if len(possible) else 0.0


def shifted_iou(mask: Mask, other: Mask) -> float:
    """IoU of two masks, not empty, laid with their centroids on each other: of their shapes, not their places."""
    crops = [_centred(one, _reach(mask, other)) for one in (mask, other)]
    return iou(*crops)


def _reach(*masks: Mask) -> int:
    sides = [np.ptp(np.flatnonzero(mask.any(axis=axis))) + 1 for mask in masks for axis in (0, 1)]
    return int(max(sides))


def _centred(mask: Mask, reach: int) -> Mask:
    """A square of 2 * reach + 1 pixels with the mask's centroid in its middle."""
    rows, columns = np.nonzero(mask)
    top, left = round(float(rows.mean())) - reach, round(float(columns.mean())) - reach
    square = np.zeros((2 * reach + 1, 2 * reach + 1), np.bool_)
    square[rows - top, columns - left] = True
    return square


def _neighbourhood(mask: Mask, centres: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Cells in the box of twice the mask's sides."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    side_x, side_y = _cell_size(centres, mask.shape)
    half_x, half_y = (columns[-1] - columns[0] + 1) / 2 + side_x, (rows[-1] - rows[0] + 1) / 2 + side_y
    x = np.abs(centres[..., 0] - (columns[0] + columns[-1]) / 2) <= 2 * half_x
    y = np.abs(centres[..., 1] - (rows[0] + rows[-1]) / 2) <= 2 * half_y
    return np.asarray(x & y)


def _cell_size(centres: npt.NDArray[np.float32], size: tuple[int, ...]) -> tuple[float, float]:
    h, w = centres.shape[:2]
    x = float(centres[0, 1, 0] - centres[0, 0, 0]) if w > 1 else float(size[1])
    y = float(centres[1, 0, 1] - centres[0, 0, 1]) if h > 1 else float(size[0])
    return x, y
