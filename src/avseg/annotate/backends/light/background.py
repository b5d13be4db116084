"""Cells of the accepted frames that show no object: what a cell is compared with wherever it is.

What appears next to an object, from behind it or over the border of the image, has no similar cell nearby in the
memory, and would take the label of the object. It was often seen elsewhere in the window of the accepted frame.
"""

from collections.abc import Sequence

import numpy as np

from avseg.annotate.backends.light.memory import MemoryFrame
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Map

MAX_CELLS = 1200  # of an accepted frame
MAX_SIMILARITY = 0.95  # of two selected cells
MAX_SHARE = 0.02  # of the object in a cell of the background and its neighbours


def background_cells(accepted: Sequence[MemoryFrame]) -> Map:
    """Select the cells of the background in accepted frames that differ most, (n, C)."""
    chosen = []
    for frame in accepted:
        covered = cv.dilate(frame.shares, np.ones((3, 3), np.uint8))
        chosen.append(_most_different(frame.features[(frame.shares >= 0) & (covered < MAX_SHARE)]))
    return np.concatenate(chosen)


def _most_different(cells: Map) -> Map:
    """Select from cells (m, C), one by one, the one that is the least similar to those selected before, (n, C)."""
    highest = np.full(len(cells), -1, np.float32)  # similarity to the selected cells
    selected: list[int] = []
    while len(selected) < min(MAX_CELLS, len(cells)):
        cell = int(highest.argmin())
        if highest[cell] > MAX_SIMILARITY:
            break
        selected.append(cell)
        highest = np.maximum(highest, cells @ cells[cell])
    return cells[selected]
