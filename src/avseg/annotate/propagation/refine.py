"""Refinement (LU-AVS, supplementary, section 7): the segmenter redraws a propagated mask from point prompts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avseg.annotate.protocols import Box, Image, Mask, Probability, Segmenter
from avseg.annotate.quality.scores import iou

MIN_IOU = 0.5  # a candidate that overlaps less with the propagated mask shows another object
MARGIN = 0.1  # around the box of the propagated mask, relative to its sides


@dataclass(frozen=True)
class Refined:
    """Result of a refinement."""

    mask: Mask  # (H, W), the propagated one if no candidate fits
    source: str  # "refined" or "propagated"
    score: float  # of the segmenter for its best candidate, 0 to 1
    iou: float  # IoU of the best candidate with the propagated mask


def refine(
    segmenter: Segmenter,
    image: Image,
    points: Sequence[tuple[float, float, bool]],  # x, y, True on the object
    prior: Mask | Probability,  # (H, W), bool or 0 to 1
    encoded: Any = None,  # result of `segmenter.encode(image)`, if already computed
) -> Refined:
    """Redraw one object in one frame from points and its propagated mask.

    Takes the candidate of the segmenter with the best mean of its score and its IoU with the prior.
    """
    propagated = np.asarray(prior > 0.5)  # (H, W) bool
    box = padded_box(propagated)
    if box is None:  # an empty mask
        return Refined(propagated, "propagated", 0.0, 0.0)
    if encoded is None:
        encoded = segmenter.encode(image)
    candidates = segmenter.predict(encoded, points, box, prior)
    overlaps = [iou(candidate.mask, propagated) for candidate in candidates]
    best = max(range(len(candidates)), key=lambda i: candidates[i].score + overlaps[i])
    score = float(candidates[best].score)
    if overlaps[best] < MIN_IOU:
        return Refined(propagated, "propagated", score, overlaps[best])
    return Refined(candidates[best].mask, "refined", score, overlaps[best])


def padded_box(mask: Mask, margin: float = MARGIN) -> Box | None:
    """Return the bounding box of a mask plus a margin, clipped to the image; None for an empty mask."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    left, right = columns[0], columns[-1] + 1
    top, bottom = rows[0], rows[-1] + 1
    pad_x = margin * (right - left)
    pad_y = margin * (bottom - top)
    height, width = mask.shape
    return (
        float(max(left - pad_x, 0)),
        float(max(top - pad_y, 0)),
        float(min(right + pad_x, width)),
        float(min(bottom + pad_y, height)),
    )
