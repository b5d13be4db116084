"""A square window of the image that follows an object, and its cells."""

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.guided_filter import guided_upsample
from avseg.annotate.backends.light.features import CELL
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Image, Map, Mask, Probability

CELLS = 72  # along a side
P = TypeVar("P", np.uint8, np.float32)
MARGIN = 0.5  # around an object in its first window, as a share of its longer side


class Window(NamedTuple):
    """A window of `CELLS` by `CELLS` cells; it may reach beyond the image."""

    left: int  # in pixels of the image
    top: int
    cell: int  # side of a cell in pixels of the image

    @property
    def side(self) -> int:
        """Side in pixels of the image."""
        return CELLS * self.cell

    def moved_to(self, x: float, y: float) -> "Window":
        """Return the window of the same size with another centre."""
        return Window(round(x - self.side / 2), round(y - self.side / 2), self.cell)

    def cut(self, values: npt.NDArray[P]) -> npt.NDArray[P]:
        """Cut the window (side, side, ...) out of an image (H, W, ...), whose border continues outside."""
        height, width = values.shape[:2]
        top, left = max(self.top, 0), max(self.left, 0)
        bottom, right = min(self.top + self.side, height), min(self.left + self.side, width)
        inside = values[min(top, height - 1) : max(bottom, 1), min(left, width - 1) : max(right, 1)]
        margins = (
            min(max(-self.top, 0), self.side - 1),
            max(self.side - inside.shape[0] - max(-self.top, 0), 0),
            min(max(-self.left, 0), self.side - 1),
            max(self.side - inside.shape[1] - max(-self.left, 0), 0),
        )
        padded = cv.copyMakeBorder(inside, *margins, cv.BORDER_REPLICATE)
        window: npt.NDArray[P] = padded[: self.side, : self.side]
        return window

    def picture(self, image: Image) -> Image:
        """Return the window at the size that the features are computed at."""
        return _resize(self.cut(image), CELLS * CELL)

    def shares(self, probability: Mask | Probability) -> Map:
        """Average a map (H, W) over the cells, (CELLS, CELLS)."""
        return np.asarray(_resize(self.cut(probability.astype(np.float32)), CELLS), np.float32)

    def inside(self, size: tuple[int, int]) -> Mask:
        """Select the cells whose centre is inside an image of this size (height, width)."""
        offsets = (np.arange(CELLS) + 0.5) * self.cell
        rows, columns = self.top + offsets, self.left + offsets
        return np.outer((rows >= 0) & (rows < size[0]), (columns >= 0) & (columns < size[1]))

    def centres(self) -> Map:
        """Return x and y of the cell centres in pixels of the image, (CELLS, CELLS, 2)."""
        offsets = (np.arange(CELLS, dtype=np.float32) + 0.5) * self.cell
        return np.stack(np.meshgrid(self.left + offsets, self.top + offsets), -1)

    def full_size(self, image: Image, shares: Map) -> Probability:
        """Upsample a map of the cells along the edges of the image, (H, W); 0 outside of the window."""
        full = np.zeros(image.shape[:2], np.float32)
        rows, columns = np.flatnonzero(shares.max(1) > 0.05), np.flatnonzero(shares.max(0) > 0.05)
        if not len(rows):
            return full
        # only the cells around the object
        y0, y1 = max(int(rows[0]) - 3, 0), min(int(rows[-1]) + 4, CELLS)
        x0, x1 = max(int(columns[0]) - 3, 0), min(int(columns[-1]) + 4, CELLS)
        region = self.cut(image)[y0 * self.cell : y1 * self.cell, x0 * self.cell : x1 * self.cell]
        small = cv.resize(region, (x1 - x0, y1 - y0), interpolation=cv.INTER_AREA)
        sharp = guided_upsample(small, shares[y0:y1, x0:x1], region, radius=1, smoothness=1e-4)
        _paste(full, sharp, self.top + y0 * self.cell, self.left + x0 * self.cell)
        return full


def window_around(mask: Mask) -> Window:
    """Return the first window of an object; of the whole image if it is not visible."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        rows, columns = np.arange(mask.shape[0]), np.arange(mask.shape[1])
    longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    cell = max(round(longer * (1 + 2 * MARGIN) / CELLS), 1)
    return Window(0, 0, cell).moved_to((columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2)


def _resize(values: npt.NDArray[P], side: int) -> npt.NDArray[P]:
    interpolation = cv.INTER_AREA if side < len(values) else cv.INTER_LINEAR
    resized: npt.NDArray[P] = cv.resize(values, (side, side), interpolation=interpolation)
    return resized


def _paste(full: Map, part: Map, top: int, left: int) -> None:
    """Write the values that are inside the image; their upper left corner is given."""
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + part.shape[0], full.shape[0]), min(left + part.shape[1], full.shape[1])
    if y1 > y0 and x1 > x0:
        full[y0:y1, x0:x1] = part[y0 - top : y1 - top, x0 - left : x1 - left]
