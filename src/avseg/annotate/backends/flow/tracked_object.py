"""An object that is followed: where it was last, what is remembered of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.flow.colour_histogram import Histogram, count
from avseg.annotate.backends.flow.memory import Known, Place, Read, features, read
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Mask

Map = npt.NDArray[np.float32]
KEPT = 4  # accepted frames in the memory of an object: the first and the newest
AROUND = 0.8  # how far the neighbourhood of an object reaches, in roots of its area


class Looks(NamedTuple):
    """Colours of an object, of what is around it, and its area in pixels, in accepted frames."""

    colours: Histogram
    ground: Histogram
    area: float


@dataclass
class Track:
    """An object that is followed.

    Attributes:
        probability: (h, w) in the last frame.
        memory: cells of accepted frames.
        looks: None before an accepted frame in which the object is seen.
    """

    probability: Map
    memory: list[Known] = field(default_factory=list)
    looks: Looks | None = None

    def remember(self, described: Map, places: npt.NDArray[np.int32], label: npt.NDArray[np.int64]) -> None:
        """Takes the frame, in which `probability` is what somebody accepted, into the memory.

        Args:
            described: the frame's cells (see `cells.describe`).
            places: the pixels' colours (see `colours.quantise`).
            label: (h, w) of the cells, the id that most of each is.
        """
        share = cell_shares(self.probability, described.shape[:2])
        near, place = neighbourhood(share)
        if place is None:
            return
        known = Known(features(described, place, near), share[near], label[near])
        self.memory = [*self.memory[:1], *self.memory[1:][-(KEPT - 2) :], known]
        inside, area = self.probability > 0.5, float(self.probability.sum())
        around = ~inside & (distance(~inside) < AROUND * np.sqrt(area) + 4)
        colours, ground = (count(places, where.astype(np.float32)) for where in (inside, around))
        if self.looks is not None:
            colours, ground = ((a + b) / np.float32(2) for a, b in zip((colours, ground), self.looks[:2], strict=True))
        self.looks = Looks(colours, ground, area)

    def recall(self, prior: Map, described: Map) -> tuple[Read, Mask]:
        """What the cells around a carried mask (h, w) find in the memory, and which cells these are."""
        near, place = neighbourhood(cell_shares(prior, described.shape[:2]))
        if place is None:
            place = Place(described.shape[1] / 2, described.shape[0] / 2, float(max(described.shape)))
        query = features(described, place, near)
        if not self.memory:
            nothing = np.zeros(len(query), np.float32)
            return Read(nothing, nothing, nothing + 1, nothing.astype(np.int64)), near
        return read(query, self.memory), near


def cell_shares(probability: Map, grid: Sequence[int]) -> Map:
    """The share of an object in each cell of a grid (rows, columns)."""
    return np.asarray(cv.resize(probability, (grid[1], grid[0]), interpolation=cv.INTER_AREA), np.float32)


def neighbourhood(share: Map) -> tuple[Mask, Place | None]:
    """The cells in and around an object, by its share of each, and where it is; all cells and None where it is not."""
    everywhere, total = np.ones(share.shape, np.bool_), float(share.sum())
    rows, columns = np.flatnonzero(share.max(1) > 0.3), np.flatnonzero(share.max(0) > 0.3)
    if total < 0.25 or not len(rows):
        return everywhere, None
    y, x = np.mgrid[: share.shape[0], : share.shape[1]]
    place = Place(float((x * share).sum() / total), float((y * share).sum() / total), float(np.sqrt(total)))
    spare = place.length + 2
    inside = (y >= rows[0] - spare) & (y <= rows[-1] + spare) & (x >= columns[0] - spare) & (x <= columns[-1] + spare)
    return inside, place


def distance(inside: Mask) -> Map:
    """Of each pixel in a mask to the nearest one that is not, in pixels; 0 outside."""
    return np.asarray(cv.distanceTransform(inside.astype(np.uint8), cv.DIST_L2, 3), np.float32)
