"""Prototypes to points (LU-AVS, supplementary, section 7): confident cells of the memory prompt the segmenter."""

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Affinity, Map, Mask, Point, Probability

MAX_POSITIVE, MAX_NEGATIVE = 3, 4
MIN_VALUE = 0.5  # of a point: evidence (for the background) times nearness, relative to the best cell


def prototype_points(
    affinity: Affinity | None,
    probability: Probability,  # (H, W)
    rivals: Mask | None = None,  # (H, W), all other objects
    max_positive: int = MAX_POSITIVE,
    max_negative: int = MAX_NEGATIVE,
) -> tuple[Point, ...]:
    """Choose prompt points for one object in one frame: positive ones, then negative ones; none for an empty mask.

    Positive points lie inside the mask, in cells near prototypes that were certainly the object; negative ones in a
    ring around it or in a rival, in cells near prototypes that were certainly something else. Points of one sign keep
    a distance from each other. Without an affinity, depth inside and outside of the mask decides.
    """
    mask = probability > 0.5
    if not mask.any():
        return ()
    # depth of each pixel inside the mask; outside of the image counts as outside of the mask
    depth = _distance(np.pad(mask, 1))[1:-1, 1:-1]
    centres, evidence, nearness = _cells(affinity, mask)
    # (n,) pixel of each cell centre
    columns = np.clip(centres[:, 0].astype(np.int64), 0, mask.shape[1] - 1)
    rows = np.clip(centres[:, 1].astype(np.int64), 0, mask.shape[0] - 1)
    spacing = np.sqrt(mask.sum()) / 2  # half the side of a square of the same area
    # points on the edge are ambiguous, but half of the maximal depth is enough: thin limbs need points too
    inside = np.minimum(depth[rows, columns] / max(depth.max() / 2, 1), 1) * (depth[rows, columns] > 1)
    positive = _select_spaced(centres, evidence * nearness * inside, spacing, max_positive)
    if not positive:
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        positive = [(float(column), float(row))]
    outside = _ring(mask, rivals, spacing)[rows, columns]
    negative = _select_spaced(centres, (1 - evidence) * nearness * outside, spacing, max_negative)
    return (*(Point(x, y, True) for x, y in positive), *(Point(x, y, False) for x, y in negative))


def _cells(
    affinity: Affinity | None, mask: Mask
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return centres (n, 2), evidence (n,) and nearness (n,) of all cells."""
    if affinity is not None:
        return affinity.centres.reshape(-1, 2), affinity.evidence.ravel(), affinity.strongest.ravel()
    step = max(min(mask.shape) // 24, 1)
    y, x = np.mgrid[step // 2 : mask.shape[0] : step, step // 2 : mask.shape[1] : step]
    centres = np.stack([x.ravel(), y.ravel()], 1).astype(np.float32)
    return centres, mask[y, x].ravel().astype(np.float32), np.ones(len(centres), np.float32)


def _select_spaced(
    centres: npt.NDArray[np.float32], values: npt.NDArray[np.floating], spacing: float, max_count: int
) -> list[tuple[float, float]]:
    """Select the centres with the highest values greedily, with a distance of at least `spacing` between them."""
    selected: list[tuple[float, float]] = []
    remaining = np.asarray(values, np.float64).copy()
    threshold = max(MIN_VALUE * remaining.max(initial=0), 1e-6)
    while len(selected) < max_count and remaining.max(initial=0) > threshold:
        best = int(remaining.argmax())
        selected.append((float(centres[best, 0]), float(centres[best, 1])))
        # cells near a selected one cannot be selected any more
        remaining[((centres - centres[best]) ** 2).sum(1) < spacing**2] = 0
    return selected


def _ring(mask: Mask, rivals: Mask | None, width: float) -> Mask:
    """Return the region around a mask, at a small distance from it, and nearby rivals, (H, W)."""
    distance = _distance(~mask)
    margin = max(width / 4, 2)
    ring = (distance > margin) & (distance < margin + 2 * width)
    if rivals is not None:
        ring |= rivals & ~mask & (distance < 4 * width) & (distance > 2)
    return np.asarray(ring)


def _distance(mask: Mask) -> Map:
    """Compute the distance of each pixel of a mask (H, W) to the nearest one that is not in it."""
    return np.asarray(cv.distanceTransform(mask.astype(np.uint8), cv.DIST_L2, cv.DIST_MASK_PRECISE))
