"""Change a mask only around the clicks that contradict it: the rest was painted, propagated or looked at before."""

import math
from collections.abc import Sequence

import numpy as np

from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Mask

Clicks = Sequence[tuple[float, float, bool]]
_MARGIN = 0.006  # of the image's diagonal: differences thinner than this are of the border, not of the object


def change_locally(mask: Mask, candidate: Mask, points: Clicks) -> Mask:
    """Take from a candidate (H, W) the part that each click asks for, and leave the rest of a mask (H, W) as it is.

    A click on the object adds the connected part of the candidate that it is in or next to, one off the object removes
    the part that the candidate has not. A click that agrees with the mask changes nothing.
    """
    result = mask.copy()
    margin = margin_of(mask)
    for x, y, positive in points:
        row, column = pixel(mask, x, y)
        if bool(mask[row, column]) is bool(positive):
            continue
        region = _part_at(candidate & ~mask if positive else mask & ~candidate, row, column, margin)
        result = result | region if positive else result & ~region
    return obey(result, points)


def obey(mask: Mask, points: Clicks) -> Mask:
    """Set a small disc at each click that a mask (H, W) contradicts: no click is without effect."""
    result = mask
    for x, y, positive in points:
        row, column = pixel(mask, x, y)
        if bool(result[row, column]) is not bool(positive):
            disc = np.zeros(mask.shape, np.uint8)
            cv.circle(disc, (column, row), margin_of(mask), 1, -1)
            inside = disc.astype(np.bool_)
            result = result | inside if positive else result & ~inside
    return result


def pixel(mask: Mask, x: float, y: float) -> tuple[int, int]:
    """Return row and column of the pixel at a position, inside the mask."""
    height, width = mask.shape
    return min(max(int(y), 0), height - 1), min(max(int(x), 0), width - 1)


def margin_of(mask: Mask) -> int:
    """Return the width in pixels of differences that are too thin to be a part."""
    return max(1, round(_MARGIN * math.hypot(*mask.shape)))


def _part_at(change: Mask, row: int, column: int, margin: int) -> Mask:
    """Return the part of a change (H, W) that is at a pixel: thin seams along the border do not connect parts."""
    kernel = cv.getStructuringElement(cv.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    core = cv.morphologyEx(change.astype(np.uint8), cv.MORPH_OPEN, kernel)
    count, label = cv.connectedComponents(core, connectivity=8)
    if count > 1:
        distance, nearest = cv.distanceTransformWithLabels(
            1 - core, cv.DIST_L2, 5, labelType=cv.DIST_LABEL_PIXEL
        )  # (H, W) to the nearest core pixel
        if distance[row, column] <= 3 * margin:
            source = np.zeros(int(nearest.max()) + 1, np.int32)
            source[nearest[core > 0]] = label[core > 0]
            region = (label == source[nearest[row, column]]).astype(np.uint8)
            return np.asarray(cv.dilate(region, kernel).astype(np.bool_) & change)
    disc = np.zeros(change.shape, np.uint8)
    cv.circle(disc, (column, row), 3 * margin, 1, -1)
    return np.asarray(disc.astype(np.bool_) & change)
