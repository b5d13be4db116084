"""Prototypes to points (LU-AVS, supplementary, section 7): what the memory is sure of prompts the segmenter."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from avseg.annotate.protocols import Affinity, Mask, Point, Probability

POSITIVES, NEGATIVES = 3, 4
SURE = 0.5  # least worth of a point: evidence (of background) times nearness, relative to the best cell


def prototype_points(
    affinity: Affinity | None,
    probability: Probability,
    rivals: Mask | None = None,
    positives: int = POSITIVES,
    negatives: int = NEGATIVES,
) -> tuple[Point, ...]:
    """Chooses points for one object of one frame.

    Positive ones lie inside the mask, where a cell is near to prototypes that surely were the object; negative ones in
    a ring around it or in a rival, where it is near to prototypes that surely were something else. Points of one
    sign keep their distance from each other. Without an affinity, depth inside and outside of the mask decides.

    Args:
        affinity: of the frame and object; None where the propagator has none.
        probability: (H, W), of the object.
        rivals: (H, W) bool, the other objects; None for no other.
        positives: most positive points.
        negatives: most negative points.

    Returns:
        Positive points, then negative ones; none where the mask is empty.
    """
    mask = probability > 0.5
    if not mask.any():
        return ()
    depth = _depth(mask)
    centres, evidence, nearness = _cells(affinity, mask)
    columns, rows = (np.clip(centres[:, axis].astype(np.int64), 0, mask.shape[1 - axis] - 1) for axis in (0, 1))
    spacing = np.sqrt(mask.sum()) / 2
    # a point on the edge says nothing, so that it should lie deep, but arms are thin
    inside = np.minimum(depth[rows, columns] / max(depth.max() / 2, 1), 1) * (depth[rows, columns] > 1)
    chosen = _spread(centres, evidence * nearness * inside, spacing, positives)
    if not len(chosen):
        chosen = _deepest(depth)
    beside = _ring(mask, rivals, spacing)[rows, columns]
    others = _spread(centres, (1 - evidence) * nearness * beside, spacing, negatives)
    return (*(Point(x, y, True) for x, y in chosen), *(Point(x, y, False) for x, y in others))


def _cells(
    affinity: Affinity | None, mask: Mask
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Centres (n, 2), evidence (n,) and nearness (n,) of all cells."""
    if affinity is not None:
        return affinity.centres.reshape(-1, 2), affinity.evidence.ravel(), affinity.strongest.ravel()
    step = max(min(mask.shape) // 24, 1)
    y, x = np.mgrid[step // 2 : mask.shape[0] : step, step // 2 : mask.shape[1] : step]
    centres = np.stack([x.ravel(), y.ravel()], 1).astype(np.float32)
    return centres, mask[y, x].ravel().astype(np.float32), np.ones(len(centres), np.float32)


def _spread(
    centres: npt.NDArray[np.float32], worth: npt.NDArray[np.floating], spacing: float, count: int
) -> list[tuple[float, float]]:
    """The places of most worth, one after the other, none nearer than `spacing` to another."""
    chosen: list[tuple[float, float]] = []
    left = np.asarray(worth, np.float64).copy()
    least = SURE * left.max(initial=0)
    while len(chosen) < count and left.max(initial=0) > max(least, 1e-6):
        best = int(left.argmax())
        chosen.append((float(centres[best, 0]), float(centres[best, 1])))
        left[((centres - centres[best]) ** 2).sum(1) < spacing**2] = 0
    return chosen


def _ring(mask: Mask, rivals: Mask | None, width: float) -> Mask:
    """What lies beside the mask, not too near and not far from it, and the rivals there."""
    distance = ndimage.distance_transform_edt(~mask)
    margin = max(width / 4, 2)
    ring = (distance > margin) & (distance < margin + 2 * width)
    if rivals is not None:
        ring |= rivals & ~mask & (distance < 4 * width) & (distance > 2)
    return np.asarray(ring)


def _depth(mask: Mask) -> npt.NDArray[np.float64]:
    """How far each pixel is from the outside; the border of the picture is outside."""
    return np.asarray(ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1])


def _deepest(depth: npt.NDArray[np.float64]) -> list[tuple[float, float]]:
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return [(float(column), float(row))]
