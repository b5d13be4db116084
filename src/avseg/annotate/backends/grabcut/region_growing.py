"""From a click to a region: pieces of even colour join in the order of how easily the click reaches them.

Of all the regions that come about on the way, those whose border is the strongest are objects or parts of objects.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import dijkstra

from avseg.annotate.backends.grabcut.superpixels import Superpixels
from avseg.annotate.protocols import Mask

STRONG = 20.0  # step of colour of a sure edge
WHOLE = 0.04  # share of the view from which on an object is not taken for a part of one
LARGEST = 0.7  # share of the view that an object may fill
MIDDLE = 0.2  # radius of what is taken for the object in a box, share of the box
DISTINCT = 0.75  # IoU above which two regions are one

Members = npt.NDArray[np.bool_]  # (n,), which pieces


def grow(
    pieces: Superpixels, positive: Sequence[tuple[int, int]], negative: Sequence[tuple[int, int]]
) -> list[tuple[Mask, float]]:
    """Regions around points, the best first, none nearly the same as another.

    Args:
        pieces: of the picture.
        positive: rows and columns inside of the object, one at least.
        negative: rows and columns outside of it.

    Returns:
        up to three masks (h, w) with scores, 0 to 1: how strong the border is.
    """
    inside, outside = (sorted({int(pieces.label[place]) for place in places}) for places in (positive, negative))
    away = np.full(len(pieces.size), np.inf)
    if ground := [piece for piece in outside if piece not in inside]:
        away = dijkstra(pieces.cost(), indices=ground, min_only=True)
    found = _grow(pieces, inside)
    if len(inside) > 1:
        # each click adds its region: the parts of an object are often unlike
        alone = [_grow(pieces, [seed])[0] for seed in inside]
        united = np.logical_or.reduce([members for members, _ in alone])
        found = [(united, float(np.mean([score for _, score in alone])))] + [
            entry for entry in found if entry[0][inside].all()
        ]
    distinct: list[tuple[Members, float]] = []
    # a negative click only takes away: what it reaches more easily
    free = dijkstra(pieces.cost(), indices=inside, min_only=True) < away
    free[inside] = True
    for members, score in ((members & free, score) for members, score in found):
        if all(_overlap(members, other, pieces.size) < DISTINCT for other, _ in distinct):
            distinct.append((members, score))
    return [(members[pieces.label], score) for members, score in distinct[:3]]


def enclosed(pieces: Superpixels, inside: Mask) -> Mask:
    """What of a box, (h, w), is likely the object: what its middle reaches more easily than what is outside does."""
    ground = np.flatnonzero((pieces.share(inside) < 0.5) & (pieces.size > 0))
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    y, x = np.ogrid[: inside.shape[0], : inside.shape[1]]
    (top, bottom), (left, right) = rows[[0, -1]], columns[[0, -1]]
    off = ((y - (top + bottom) / 2) / (bottom - top + 1)) ** 2 + ((x - (left + right) / 2) / (right - left + 1)) ** 2
    middle = np.flatnonzero(pieces.share(off < MIDDLE**2) > 0.5)
    if not len(ground) or not len(middle):
        return inside
    from_outside, from_middle = (dijkstra(pieces.cost(), indices=seeds, min_only=True) for seeds in (ground, middle))
    return np.asarray(inside & (from_middle < from_outside)[pieces.label])


def _grow(pieces: Superpixels, seeds: Sequence[int]) -> list[tuple[Members, float]]:
    """Regions on the way out from seeds, the best first."""
    reach = dijkstra(pieces.cost(), indices=seeds, min_only=True)
    order = np.argsort(reach, kind="stable")
    scores = _scores(pieces, order)
    regions = []
    for place in np.argsort(-scores, kind="stable")[:40]:
        members = np.zeros(len(reach), np.bool_)
        members[order[: place + 1]] = True
        regions.append((members, float(scores[place])))
    return regions


def _scores(pieces: Superpixels, order: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """For each beginning of the order how strong its border is, with a preference for whole objects."""
    # beyond STRONG an edge is an edge: a border that is weak here and there is worse than an even one
    strong = np.minimum(pieces.step, STRONG) / STRONG
    length, strength = _cut(pieces.border, order), _cut(pieces.border * strong, order)
    size, edge = pieces.size[order].cumsum() / pieces.size.sum(), pieces.edge[order].cumsum() / pieces.edge.sum()
    # where the view ends and the picture goes on, there is no border
    contrast = strength / np.maximum(length + pieces.open[order].cumsum(), 1)
    compact = np.clip(4 * np.pi * pieces.size[order].cumsum() / np.maximum(length, 1) ** 2, 0.02, 1) ** 0.25
    # what runs out of the picture on all sides is ground, not an object
    object_like = np.clip((LARGEST - size) / 0.3, 0, 1) * np.clip(1.4 - 2 * edge, 0, 1)
    return np.asarray(contrast * compact * object_like * np.clip(size / WHOLE, 0.01, 1) ** 0.25)


def _cut(weight: npt.NDArray[np.float64], order: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Total weight between the first k + 1 of the order and all others, for every k."""
    among = np.tril(weight[np.ix_(order, order)], -1).sum(1)
    return np.asarray((weight[order].sum(1) - 2 * among).cumsum())


def _overlap(a: Members, b: Members, size: npt.NDArray[np.int64]) -> float:
    return float(size[a & b].sum() / max(size[a | b].sum(), 1))
