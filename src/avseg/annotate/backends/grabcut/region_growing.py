"""Grow a region from a click: superpixels join in the order of their path cost from the click."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import dijkstra

from avseg.annotate.backends.grabcut.superpixels import Superpixels
from avseg.annotate.protocols import Mask

STRONG_STEP = 20.0  # colour difference of a certain edge
FULL_OBJECT = 0.04  # share of the crop above which a region is not penalised as a part of an object
LARGEST = 0.7  # share of the crop that an object may fill
BOX_CENTRE = 0.2  # radius around a box's centre that counts as object, as a share of the box
SAME_REGION = 0.75  # IoU from which two regions count as the same
_TRIED, _RETURNED = 40, 3

Pixels = Sequence[tuple[int, int]]  # (row, column)
Members = npt.NDArray[np.bool_]  # (n,), superpixels of a region
Region = tuple[Members, float]  # with the score of its border


def grow_regions(superpixels: Superpixels, positive: Pixels, negative: Pixels) -> list[tuple[Mask, float]]:
    """Grow regions around pixels on and off the object: up to three masks (h, w), scores 0 to 1, best first."""
    inside, outside = _superpixels_at(superpixels, positive), _superpixels_at(superpixels, negative)
    costs = superpixels.path_costs()
    regions = _grow(superpixels, inside)
    if len(inside) > 1:
        # each click adds its own region: the parts of an object often differ in colour
        union, scores = np.zeros(len(superpixels.size), np.bool_), []
        for seed in inside:
            members, score = _grow(superpixels, [seed])[0]
            union |= members
            scores.append(score)
        containing_all = [region for region in regions if region[0][inside].all()]
        regions = [(union, float(np.mean(scores))), *containing_all]
    negative_cost = np.full(len(superpixels.size), np.inf)
    if background := [seed for seed in outside if seed not in inside]:
        negative_cost = dijkstra(costs, indices=background, min_only=True)
    # a negative click only removes the superpixels that are closer to it
    allowed = dijkstra(costs, indices=inside, min_only=True) < negative_cost
    allowed[inside] = True
    distinct: list[Region] = []
    for grown, score in regions:
        members = grown & allowed
        if all(_iou(members, accepted, superpixels.size) < SAME_REGION for accepted, _ in distinct):
            distinct.append((members, score))
    return [(members[superpixels.label], score) for members, score in distinct[:_RETURNED]]


def box_foreground(superpixels: Superpixels, box: Mask) -> Mask:
    """Estimate the object in a box (h, w): superpixels closer to the box's centre than to its outside."""
    background = np.flatnonzero((superpixels.covered_share(box) < 0.5) & (superpixels.size > 0))
    rows, columns = np.flatnonzero(box.any(1)), np.flatnonzero(box.any(0))
    y, x = np.ogrid[: box.shape[0], : box.shape[1]]
    (top, bottom), (left, right) = rows[[0, -1]], columns[[0, -1]]
    y_offset = (y - (top + bottom) / 2) / (bottom - top + 1)
    x_offset = (x - (left + right) / 2) / (right - left + 1)
    centre = np.flatnonzero(superpixels.covered_share(y_offset**2 + x_offset**2 < BOX_CENTRE**2) > 0.5)
    if not len(background) or not len(centre):
        return box
    costs = superpixels.path_costs()
    background_cost = dijkstra(costs, indices=background, min_only=True)
    centre_cost = dijkstra(costs, indices=centre, min_only=True)
    return np.asarray(box & (centre_cost < background_cost)[superpixels.label])


def _superpixels_at(superpixels: Superpixels, pixels: Pixels) -> list[int]:
    return sorted({int(superpixels.label[pixel]) for pixel in pixels})


def _grow(superpixels: Superpixels, seeds: Sequence[int]) -> list[Region]:
    """Return the regions that appear while growing from seeds, best first."""
    cost = dijkstra(superpixels.path_costs(), indices=seeds, min_only=True)
    order = np.argsort(cost, kind="stable")
    scores = _prefix_scores(superpixels, order)
    regions = []
    for last in np.argsort(-scores, kind="stable")[:_TRIED]:
        members = np.zeros(len(cost), np.bool_)
        members[order[: last + 1]] = True
        regions.append((members, float(scores[last])))
    return regions


def _prefix_scores(superpixels: Superpixels, order: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Score the region of the first k + 1 superpixels of an order, for every k: border strength times shape priors."""
    # beyond STRONG_STEP all edges count the same: an even border is better than one with gaps
    strong = np.minimum(superpixels.step, STRONG_STEP) / STRONG_STEP
    length, strength = _cut_weights(superpixels.border, order), _cut_weights(superpixels.border * strong, order)
    pixels = superpixels.size[order].cumsum()
    size, edge = pixels / superpixels.size.sum(), superpixels.edge[order].cumsum() / superpixels.edge.sum()
    # where the crop ends but the image continues, the true border is not visible and counts as weak
    contrast = strength / np.maximum(length + superpixels.open[order].cumsum(), 1)
    compactness = np.clip(4 * np.pi * pixels / np.maximum(length, 1) ** 2, 0.02, 1) ** 0.25
    # a region that reaches the image border on all sides is background
    objectness = np.clip((LARGEST - size) / 0.3, 0, 1) * np.clip(1.4 - 2 * edge, 0, 1)
    return np.asarray(contrast * compactness * objectness * np.clip(size / FULL_OBJECT, 0.01, 1) ** 0.25)


def _cut_weights(weight: npt.NDArray[np.float64], order: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Sum the weight (n, n) between the first k + 1 superpixels of an order and all others, for every k."""
    within = np.tril(weight[np.ix_(order, order)], -1).sum(1)
    return np.asarray((weight[order].sum(1) - 2 * within).cumsum())


def _iou(a: Members, b: Members, size: npt.NDArray[np.int64]) -> float:
    return float(size[a & b].sum() / max(size[a | b].sum(), 1))
