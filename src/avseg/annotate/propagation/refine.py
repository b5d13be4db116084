"""Refinement (LU-AVS, supplementary, section 7): the segmenter draws what was propagated anew, from points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avseg.annotate.protocols import Box, Mask, Picture, Probability, Segmenter

LEAST_IOU = 0.5  # a refined mask that shares less with the propagated one is of something else
MARGIN = 0.1  # of the box around the propagated mask, share of its sides


@dataclass(frozen=True)
class Refined:
    """A frame after refinement.

    Attributes:
        mask: (H, W); the propagated one where the segmenter found nothing that fits.
        source: "refined" or "propagated".
        score: of the segmenter, for its best candidate; 0 to 1.
        iou: of the best candidate with the propagated mask.
    """

    mask: Mask
    source: str
    score: float
    iou: float


def refine(
    segmenter: Segmenter,
    picture: Picture,
    points: Sequence[tuple[float, float, bool]],
    prior: Mask | Probability,
    encoded: Any = None,
) -> Refined:
    """Draws one object of one frame anew.

    Of the segmenter's candidates the one with the best mean of its score and its IoU with the prior is taken.

    Args:
        segmenter: draws.
        picture: (H, W, 3).
        points: (x, y, positive), of `points.prototype_points`, or as a user moved them.
        prior: (H, W), what was propagated, bool or 0 to 1.
        encoded: of `segmenter.encode(picture)`, where that is there already.
    """
    propagated = np.asarray(prior > 0.5)
    box = padded_box(propagated)
    if box is None:
        return Refined(propagated, "propagated", 0.0, 0.0)
    if encoded is None:
        encoded = segmenter.encode(picture)
    candidates = segmenter.predict(encoded, points, box, prior)
    overlaps = [iou(candidate.mask, propagated) for candidate in candidates]
    best = max(range(len(candidates)), key=lambda i: candidates[i].score + overlaps[i])
    score, overlap = float(candidates[best].score), overlaps[best]
    if overlap < LEAST_IOU:
        return Refined(propagated, "propagated", score, overlap)
    return Refined(candidates[best].mask, "refined", score, overlap)


def padded_box(mask: Mask, margin: float = MARGIN) -> Box | None:
    """The box around a mask and a little more, within the picture; None around nothing."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    y, x = margin * (bottom - top), margin * (right - left)
    height, width = mask.shape
    return (
        float(max(left - x, 0)),
        float(max(top - y, 0)),
        float(min(right + x, width)),
        float(min(bottom + y, height)),
    )


def iou(a: Mask, b: Mask) -> float:
    """Intersection over union; two empty masks agree."""
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else 1.0
