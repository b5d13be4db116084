"""From a click to a region: small pieces of even colour join in the order of how easily the click reaches them.

Of all the regions that come about on the way, those whose border is the strongest are objects or parts of objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Mask, Picture

CELL = 7  # pixels between the seeds of the pieces
EASY = 2.0  # steps of colour (Lab) that cost little, noise and shading
LARGEST = 0.7  # share of the view that an object may fill


@dataclass(frozen=True)
class Pieces:
    """A picture cut into pieces of even colour, and what is between neighbours.

    Attributes:
        label: (h, w) int32, 0 to n - 1.
        size: (n,) pixels.
        step: (n, n) mean difference of colour across the common border, 0 where there is none.
        border: (n, n) length of the common border in pixels.
        edge: (n,) pixels on the picture's border.
    """

    label: npt.NDArray[np.int32]
    size: npt.NDArray[np.int64]
    step: npt.NDArray[np.float64]
    border: npt.NDArray[np.float64]
    edge: npt.NDArray[np.int64]


def cut(picture: Picture) -> Pieces:
    """Cuts a small picture by the watershed of its colours."""
    smooth = cv.medianBlur(picture, 3)
    lab = cv.GaussianBlur(cv.cvtColor(smooth, cv.COLOR_RGB2LAB), (0, 0), 0.7)
    label = cv.watershed(smooth, _seeds(lab))
    # the lines between pieces go to a neighbour
    label = np.where(label > 0, label, cv.dilate(label.astype(np.float32), np.ones((3, 3)))).astype(np.int32)
    label = np.maximum(label, 1) - 1
    count = int(label.max()) + 1
    step, border = _between(label, lab.astype(np.float64), count)
    rim = np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]])
    return Pieces(label, np.bincount(label.ravel(), minlength=count), step, border, np.bincount(rim, minlength=count))


def grow(
    pieces: Pieces, positive: Sequence[tuple[int, int]], negative: Sequence[tuple[int, int]]
) -> list[tuple[Mask, float]]:
    """Regions around points, the best first, none nearly the same as another.

    Args:
        pieces: of the picture.
        positive: rows and columns inside of the object, one at least.
        negative: rows and columns outside of it.

    Returns:
        masks (h, w) with scores, 0 to 1: how much stronger the border is than what is inside.
    """
    cost = csr_matrix(np.where(pieces.border > 0, np.maximum(pieces.step - EASY, 0.05) ** 1.5, 0))
    inside, outside = ({int(pieces.label[place]) for place in places} for places in (positive, negative))
    reach = dijkstra(cost, indices=sorted(inside), min_only=True)
    barred = np.zeros(len(reach), np.bool_)
    if outside - inside:
        barred = dijkstra(cost, indices=sorted(outside - inside), min_only=True) <= reach
    order = np.argsort(np.where(barred, np.inf, reach), kind="stable")[: int((~barred).sum())]
    scores = _scores(pieces, order)
    scores[: len(inside) - 1] = 0  # before all points are in
    regions: list[tuple[Mask, float]] = []
    for place in np.argsort(-scores, kind="stable"):
        members = np.zeros(len(reach), np.bool_)
        members[order[: place + 1]] = True
        if all(_overlap(members, other, pieces.size) < 0.75 for other, _ in regions):
            regions.append((members, float(scores[place])))
        if len(regions) == 3:
            break
    return [(members[pieces.label], value) for members, value in regions]


def _scores(pieces: Pieces, order: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """For each beginning of the order the contrast of the border, with a preference for whole objects."""
    length, strength = (
        _cut(matrix, order) for matrix in (pieces.border, pieces.border * np.minimum(pieces.step, 40.0))
    )
    size, edge = pieces.size[order].cumsum() / pieces.size.sum(), pieces.edge[order].cumsum() / pieces.edge.sum()
    contrast = strength / np.maximum(length, 1)
    # a longer border of the same contrast is less likely chance; what runs out of the picture on all sides is ground
    likely = np.clip(size / 0.01, 0.1, 1) ** 0.5 * np.clip((LARGEST - size) / 0.3, 0, 1) * np.clip(1.3 - 2 * edge, 0, 1)
    compact = np.clip(4 * np.pi * size * pieces.size.sum() / np.maximum(length, 1) ** 2, 0.02, 1) ** 0.25
    return np.asarray((1 - np.exp(-contrast / 12)) * likely * compact)


def _cut(weight: npt.NDArray[np.float64], order: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Total weight between the first k + 1 of the order and all others, for every k."""
    among = np.tril(weight[np.ix_(order, order)], -1).sum(1)
    return np.asarray((weight[order].sum(1) - 2 * among).cumsum())


def _overlap(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_], size: npt.NDArray[np.int64]) -> float:
    return float(size[a & b].sum() / max(size[a | b].sum(), 1))


def _seeds(lab: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """One marker per cell of a grid, where the picture is most even."""
    slope = sum(np.abs(cv.Sobel(lab, cv.CV_32F, *way)).sum(-1) for way in ((1, 0), (0, 1)))
    height, width = slope.shape
    markers = np.zeros((height, width), np.int32)
    rows, columns = max(height // CELL, 1), max(width // CELL, 1)
    cell_h, cell_w = height // rows, width // columns
    cells = slope[: rows * cell_h, : columns * cell_w].reshape(rows, cell_h, columns, cell_w).transpose(0, 2, 1, 3)
    place = cells.reshape(rows, columns, -1).argmin(-1)
    y, x = place // cell_w + np.arange(rows)[:, None] * cell_h, place % cell_w + np.arange(columns) * cell_w
    markers[y, x] = np.arange(1, rows * columns + 1).reshape(rows, columns)
    return markers


def _between(
    label: npt.NDArray[np.int32], lab: npt.NDArray[np.float64], count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean step of colour and length of all common borders, (count, count) each."""
    total, length = np.zeros(count * count), np.zeros(count * count)
    for first, second, reach in ((np.s_[:, :-1], np.s_[:, 1:], 1), (np.s_[:-1], np.s_[1:], 0)):
        a, b = label[first].ravel(), label[second].ravel()
        wide = _wide(lab, reach)
        step = np.sqrt((wide**2).sum(-1))[first].ravel()
        other = a != b
        flat = a[other].astype(np.int64) * count + b[other]
        total += np.bincount(flat, step[other], minlength=count * count)
        length += np.bincount(flat, minlength=count * count)
    total, length = total.reshape(count, count), length.reshape(count, count)
    total, length = total + total.T, length + length.T
    return total / np.maximum(length, 1), length


def _wide(lab: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float64]:
    """Colour one pixel beyond each border minus colour one pixel before it; edges are blurred over two or three."""
    padded = np.pad(lab, [(2, 2) if way == axis else (0, 0) for way in range(3)], "edge")
    size = lab.shape[axis]
    after = np.take(padded, np.arange(4, size + 4), axis)
    before = np.take(padded, np.arange(1, size + 1), axis)
    return np.asarray(after - before)
