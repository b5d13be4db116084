"""State of one tracked object: its last probability map, its memory and its colours."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.flow.colour_histogram import Histogram, colour_histogram
from avseg.annotate.backends.flow.memory import MemoryFrame, Position, Readout, cell_features, read_memory
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Map, Mask

MEMORY_FRAMES = 4  # accepted frames in the memory of an object: the first and the newest
SURROUNDINGS = 0.8  # width of the surroundings of an object, in square roots of its area


class Appearance(NamedTuple):
    """Colours of an object and of its surroundings, and its area in pixels, in accepted frames."""

    colours: Histogram
    background: Histogram
    area: float


@dataclass
class TrackedObject:
    """An object that is followed through the video."""

    probability: Map  # (h, w) in the last frame
    memory: list[MemoryFrame] = field(default_factory=list)  # cells of accepted frames
    appearance: Appearance | None = None  # None until an accepted frame shows the object

    def memorise(self, descriptors: Map, bins: npt.NDArray[np.int32], label: npt.NDArray[np.int64]) -> None:
        """Add the current frame, whose `probability` is an accepted mask, to the memory.

        `bins` (h, w) are the colours of the pixels, `label` (rows, columns) is the id that covers most of each cell.
        """
        share = cell_shares(self.probability, descriptors.shape[:2])
        nearby, position = neighbourhood(share)
        if position is None:
            return
        frame = MemoryFrame(cell_features(descriptors, position, nearby), share[nearby], label[nearby])
        self.memory = [*self.memory[:1], *self.memory[1:][-(MEMORY_FRAMES - 2) :], frame]
        inside, area = self.probability > 0.5, float(self.probability.sum())
        around = ~inside & (distance_inside(~inside) < SURROUNDINGS * np.sqrt(area) + 4)
        colours = colour_histogram(bins, inside.astype(np.float32))
        background = colour_histogram(bins, around.astype(np.float32))
        if self.appearance is not None:
            colours = (colours + self.appearance.colours) / np.float32(2)
            background = (background + self.appearance.background) / np.float32(2)
        self.appearance = Appearance(colours, background, area)

    def recall(self, prior: Map, descriptors: Map) -> tuple[Readout, Mask]:
        """Read the memory for the n cells around a warped mask (h, w); also return these cells, (rows, columns)."""
        nearby, position = neighbourhood(cell_shares(prior, descriptors.shape[:2]))
        if position is None:
            position = Position(descriptors.shape[1] / 2, descriptors.shape[0] / 2, float(max(descriptors.shape)))
        query = cell_features(descriptors, position, nearby)
        if not self.memory:
            zeros = np.zeros(len(query), np.float32)
            return Readout(zeros, zeros, zeros + 1, zeros.astype(np.int64)), nearby
        return read_memory(query, self.memory), nearby


def cell_shares(probability: Map, grid: Sequence[int]) -> Map:
    """Average a probability map over the cells of a grid (rows, columns)."""
    return np.asarray(cv.resize(probability, (grid[1], grid[0]), interpolation=cv.INTER_AREA), np.float32)


def neighbourhood(share: Map) -> tuple[Mask, Position | None]:
    """Select the cells in and around an object that covers a share of each cell (rows, columns), and its position.

    An object that is not visible has all cells and no position.
    """
    total = float(share.sum())
    rows, columns = np.flatnonzero(share.max(1) > 0.3), np.flatnonzero(share.max(0) > 0.3)
    if total < 0.25 or not len(rows):
        return np.ones(share.shape, np.bool_), None
    y, x = np.mgrid[: share.shape[0], : share.shape[1]]
    position = Position(float((x * share).sum() / total), float((y * share).sum() / total), float(np.sqrt(total)))
    margin = position.length + 2
    in_rows = (y >= rows[0] - margin) & (y <= rows[-1] + margin)
    in_columns = (x >= columns[0] - margin) & (x <= columns[-1] + margin)
    return in_rows & in_columns, position


def distance_inside(mask: Mask) -> Map:
    """Compute the distance of each pixel of a mask to the nearest pixel outside, in pixels; 0 outside."""
    return np.asarray(cv.distanceTransform(mask.astype(np.uint8), cv.DIST_L2, 3), np.float32)
