"""How likely each pixel is an object's: by where it was carried to, by its colours, by its memory."""

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.flow.colour_histogram import count
from avseg.annotate.backends.flow.memory import Read
from avseg.annotate.backends.flow.tracked_object import AROUND, Looks, Track, distance
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Mask

Map = npt.NDArray[np.float32]
SURE = 4.0  # log-odds far from the border of the carried mask
ANCHOR = 0.5  # share of the accepted masks' colours in the object's; the rest is this frame's
LOST = 0.03  # share of an object's area below which it is searched for
FOUND = 2.0  # log of how much more usual a colour must be on an object that comes back than in the picture


def log_odds(track: Track, prior: Map, others: Map, places: npt.NDArray[np.int32], recalled: tuple[Read, Mask]) -> Map:
    """Log-odds of an object per pixel.

    Args:
        track: the object.
        prior: (h, w), its probability of the last frame, moved to this one.
        others: (h, w), the same of all other objects.
        places: (h, w), the pixels' colours (see `colours.quantise`).
        recalled: what cells found in the memory, and which cells.

    Returns:
        (h, w)
    """
    looks, inside = track.looks, prior > 0.5
    if looks is None:
        return np.full(places.shape, -SURE, np.float32)
    area = float(np.count_nonzero(inside))
    if area < max(LOST * looks.area, 1):
        return _search(looks, others, places)
    # one that was covered grows back by as much as its whole size allows
    reach = max(np.sqrt(area), 0.6 * np.sqrt(looks.area))
    # an object comes out from behind another one on any side of that one
    beyond = distance(~(inside | _touching(others > 0.5, inside)))
    carried = np.where(inside, distance(inside), -beyond) / max(0.03 * reach, 0.7)
    near = beyond < AROUND * reach + 4
    colour = _colour(looks, prior, others, near & (beyond > 1) & ~inside, places)
    odds = np.clip(carried, -SURE, SURE) + colour + 2 * (2 * _evidence(recalled, prior.shape) - 1)
    return np.where(near, odds, -SURE).astype(np.float32)


def compete(odds: list[Map]) -> list[Map]:
    """Probabilities of objects and ground that sum to one: a softmax over the objects' odds and zero."""
    exponent = np.exp(np.clip([cv.GaussianBlur(one, (0, 0), 0.7) for one in odds], -20, 20))
    total = exponent.sum(0) + 1
    return [np.asarray(one / total, np.float32) for one in exponent]


def _colour(looks: Looks, prior: Map, others: Map, beside: Mask, places: npt.NDArray[np.int32]) -> Map:
    """Log-odds by colour, those of accepted frames and of this one; (h, w)."""
    here = count(places, prior * (distance(prior > 0.5) > 1))
    # what has the object's colours beside the mask is more of it, if the accepted frame had nothing of the kind there
    odd = 1 / (1 + looks.colours / looks.ground)
    weight = np.asarray(beside * odd[places] + others, np.float32)
    ground = ANCHOR * looks.ground + (1 - ANCHOR) * count(places, weight)
    colours = ANCHOR * looks.colours + (1 - ANCHOR) * here
    return np.asarray(np.clip(np.log(colours / ground), -3, 3)[places], np.float32)


def _evidence(recalled: tuple[Read, Mask], shape: tuple[int, ...]) -> Map:
    """What the memory says, per pixel; 0 in cells that did not read."""
    found, cells = recalled
    evidence = np.zeros(cells.shape, np.float32)
    evidence[cells] = found.evidence
    return np.asarray(cv.resize(evidence, shape[::-1], interpolation=cv.INTER_LINEAR), np.float32)


def _search(looks: Looks, others: Map, places: npt.NDArray[np.int32]) -> Map:
    """Log-odds of an object that is out of sight: the largest piece of its colours, if they are rare here."""
    nothing = np.full(places.shape, -SURE, np.float32)
    colour = np.log(looks.colours / count(places, np.ones(places.shape, np.float32)))[places]
    alike = ((colour > FOUND) & (others < 0.5)).astype(np.uint8)
    pieces, label, stats, _ = cv.connectedComponentsWithStats(alike, connectivity=4)
    if pieces < 2:
        return nothing
    largest = 1 + int(stats[1:, cv.CC_STAT_AREA].argmax())
    enough = stats[largest, cv.CC_STAT_AREA] > 2 * LOST * looks.area
    return np.where(label == largest, 1.0, -SURE).astype(np.float32) if enough else nothing


def _touching(others: Mask, inside: Mask) -> Mask:
    """The pieces of `others` that touch `inside`."""
    _, label = cv.connectedComponents(others.astype(np.uint8), connectivity=4)
    touched = np.unique(label[cv.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0])
    return np.asarray(np.isin(label, touched[touched > 0]))
