"""Quality of propagated masks without ground truth: terms per frame, a score per frame, a summary per segment.

Each term is 0 (bad) to 1 (good) and needs no further model. The weights are fixed; each frame keeps its terms, so that
weights can be fitted later to what annotators accepted and corrected.

Ablation: how often a corrupted propagation ranks first among six good ones, on toy videos that the weights were not
chosen on (start from another object, lost, leaked, swapped, frozen, jitter, shrunk, dilated; default backends). With
one accepted frame: 0.97 of 32 cases (the missed one starts from another object of the same colours), 0.88 without
likeness, 0.97 without any other term. With accepted frames at both ends: 1.00 of 15 cases, 0.93 without agreement.
The comments of `WEIGHTS` have the numbers of each term alone, first for one accepted frame, then for both ends.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from avseg.annotate.protocols import Affinity, Mask, Probability

BAD = 0.5  # frames with a lower score need review
FLOOR = 0.02  # lower bound of a term, so that a single zero does not hide all other terms


class Weight(NamedTuple):
    """Weight of a term in the score, and the value at which the term counts as perfect."""

    weight: float
    perfect: float = 1.0


WEIGHTS = {
    # the strongest: tracks from two accepted frames agree only where both are right
    "agreement": Weight(3.0, 0.9),  # - / 1.00
    # the memory of the accepted frame sees no object where the mask is: leaked, lost, swapped, frozen
    "evidence": Weight(2.0, 0.7),  # 0.88 / 0.73
    # the segmenter uses edges of this image alone, the propagator time: where they differ, one has drifted
    "refined_iou": Weight(2.0, 0.9),  # 0.81 / 0.53
    # colours of the accepted masks, also of other segments: the only term that detects a start from another object
    "likeness": Weight(2.0, 0.8),  # 0.81 / 0.80
    # confidence of the segmenter, which is as high for a part or a neighbour as for the object
    "segmenter": Weight(1.0, 0.85),  # 0.75 / 0.67
    # how near and how few the nearest prototypes are; both fall with changing light and blur too
    "nearness": Weight(0.25, 0.3),  # 0.25 / 0.27
    "focus": Weight(0.1, 0.3),  # 0.00 / 0.00
    # soft masks are soft at every edge, more so for small objects
    "certainty": Weight(0.5, 0.8),  # 0.31 / 0.33
    # jumps in time; correct masks jump too when the object is occluded or turns
    "shape": Weight(1.0, 0.85),  # 0.62 / 0.67
    "area": Weight(1.0, 0.9),  # 0.75 / 0.73
    # several components indicate a leak, or an occluder
    "whole": Weight(0.25, 0.5),  # 0.00 / 0.00
    # an empty mask: out of sight, which only the annotator can confirm, or lost
    "visible": Weight(2.0),  # 0.00 / 0.00
}


@dataclass(frozen=True)
class SegmentQuality:
    """Summary of the scores of a segment."""

    minimum: float
    p10: float  # 10th percentile
    longest_bad_run: int  # consecutive frames with a score below `BAD`
    to_check: int = 0  # frames with a score below `BAD`
    total: int = 0


def combine_terms(terms: Mapping[str, float]) -> float:
    """Compute the weighted geometric mean of the terms, 0 to 1: one bad term is enough for a low score.

    Terms that are not in `WEIGHTS` are ignored; without any the score is 1.
    """
    log_sum = weight_sum = 0.0
    for name, value in terms.items():
        if name in WEIGHTS:
            weight, perfect = WEIGHTS[name]
            log_sum += weight * math.log(min(max(value / perfect, FLOOR), 1.0))
            weight_sum += weight
    return math.exp(log_sum / weight_sum) if weight_sum else 1.0


def segment_quality(scores: Sequence[float]) -> SegmentQuality:
    """Summarise the scores of consecutive frames; without frames the quality is perfect."""
    if not len(scores):
        return SegmentQuality(1.0, 1.0, 0)
    start, end = longest_bad_run(scores)
    values = np.asarray(scores)
    bad = int(np.count_nonzero(values < BAD))
    return SegmentQuality(float(values.min()), float(np.percentile(values, 10)), end - start, bad, len(values))


def longest_bad_run(scores: Sequence[float]) -> tuple[int, int]:
    """Find the first of the longest runs of scores below `BAD`, as indices [start, end)."""
    longest = (0, 0)
    start = 0
    for index, score in enumerate([*scores, 1.0]):  # the last one ends a run at the end
        if score >= BAD:
            if index - start > longest[1] - longest[0]:
                longest = (start, index)
            start = index + 1
    return longest


def mask_terms(mask: Mask, probability: Probability, previous: Mask | None) -> dict[str, float]:
    """Compute the terms of one mask (H, W) by itself and relative to the previous one, which it was propagated from."""
    if not mask.any():
        return {"visible": 0.0}
    terms = {"visible": 1.0, "whole": 1 / count_components(mask), "certainty": certainty(probability)}
    if previous is not None and previous.any():
        smaller, larger = sorted((np.count_nonzero(mask), np.count_nonzero(previous)))
        terms["area"] = float(smaller / larger)
        terms["shape"] = shape_iou(mask, previous)
    return terms


def affinity_terms(affinity: Affinity | None, mask: Mask) -> dict[str, float]:
    """Compute the terms of the propagator's memory at the mask.

    `evidence` is the IoU of the mask and the memory's evidence for the object, in the neighbourhood of the mask.
    """
    if affinity is None or not mask.any():
        return {}
    covered = cell_coverage(mask, affinity.centres)  # (h, w)
    weights = covered if covered.max() > 0 else covered + 1
    nearby = _neighbourhood(mask, affinity.centres)  # (h, w) bool
    intersection = np.minimum(affinity.evidence, covered)[nearby].sum()
    union = np.maximum(affinity.evidence, covered)[nearby].sum()
    returned = {} if affinity.returned is None else {"returned": affinity.returned}
    return {
        **returned,
        "evidence": float(intersection / union) if union > 0 else 0.0,
        "nearness": float(np.average(affinity.strongest, weights=weights)),
        "focus": 1 - float(np.average(affinity.entropy, weights=weights)),
    }


def cell_coverage(mask: Mask, centres: npt.NDArray[np.float32], samples: int = 3) -> npt.NDArray[np.float32]:
    """Estimate the fraction of each cell that a mask covers, (h, w), from `samples`² points; centres (h, w, 2)."""
    width, height = _cell_size(centres, mask.shape)
    offsets = (np.arange(samples) + 0.5) / samples - 0.5
    total = np.zeros(centres.shape[:2], np.float32)
    for dy in offsets:
        for dx in offsets:
            x = np.clip(centres[..., 0] + dx * width, 0, mask.shape[1] - 1).astype(np.int64)
            y = np.clip(centres[..., 1] + dy * height, 0, mask.shape[0] - 1).astype(np.int64)
            total += mask[y, x]
    return np.asarray(total / samples**2, np.float32)


def count_components(mask: Mask, min_fraction: float = 0.02) -> int:
    """Count the connected components of a mask that have at least `min_fraction` of its pixels; at least 1."""
    labels, count = ndimage.label(mask)
    if count <= 1:
        return 1
    sizes = np.bincount(labels.ravel())[1:]
    return max(int((sizes >= min_fraction * sizes.sum()).sum()), 1)


def certainty(probability: Probability) -> float:
    """Compute the mean of 2 |p - 0.5| over the pixels that may be the object, p > 0.1."""
    possible = probability[probability > 0.1]
    return float(np.abs(2 * possible - 1).mean()) if len(possible) else 0.0


def iou(a: Mask, b: Mask) -> float:
    """Compute the intersection over union; 1 for two empty masks."""
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else 1.0


def shape_iou(a: Mask, b: Mask) -> float:
    """Compute the IoU of two nonempty masks with aligned centroids, which compares their shapes only."""
    radius = 0
    for mask in (a, b):
        for axis in (0, 1):
            radius = max(radius, int(np.ptp(np.flatnonzero(mask.any(axis=axis)))) + 1)
    return iou(_centred(a, radius), _centred(b, radius))


def _centred(mask: Mask, radius: int) -> Mask:
    """Crop a square of 2 * radius + 1 pixels around the centroid of a mask."""
    rows, columns = np.nonzero(mask)
    top = round(float(rows.mean())) - radius
    left = round(float(columns.mean())) - radius
    square = np.zeros((2 * radius + 1, 2 * radius + 1), np.bool_)
    square[rows - top, columns - left] = True
    return square


def _neighbourhood(mask: Mask, centres: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Select the cells, (h, w), in a box with twice the sides of the mask."""
    cell_width, cell_height = _cell_size(centres, mask.shape)
    near_x = _near_extent(centres[..., 0], np.flatnonzero(mask.any(axis=0)), cell_width)
    near_y = _near_extent(centres[..., 1], np.flatnonzero(mask.any(axis=1)), cell_height)
    return np.asarray(near_x & near_y)


def _near_extent(
    centres: npt.NDArray[np.float32], occupied: npt.NDArray[np.intp], cell_size: float
) -> npt.NDArray[np.bool_]:
    """Compare one coordinate of the cells with the rows or columns that a mask occupies."""
    first, last = occupied[0], occupied[-1]
    half_length = (last - first + 1) / 2 + cell_size
    return np.asarray(np.abs(centres - (first + last) / 2) <= 2 * half_length)


def _cell_size(centres: npt.NDArray[np.float32], size: tuple[int, ...]) -> tuple[float, float]:
    """Return width and height of a cell in pixels."""
    rows, columns = centres.shape[:2]
    width = float(centres[0, 1, 0] - centres[0, 0, 0]) if columns > 1 else float(size[1])
    height = float(centres[1, 0, 1] - centres[0, 0, 1]) if rows > 1 else float(size[0])
    return width, height
