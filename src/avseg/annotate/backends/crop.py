"""A part of a picture at a size that is quick to work at."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Box, Mask, Picture, Probability


@dataclass(frozen=True)
class View:
    """A part of a picture, made smaller.

    Attributes:
        picture: (h, w, 3) uint8, the part.
        left: of the part in the whole picture, pixels.
        top: likewise.
        width: of the part in pixels of the whole picture.
        height: likewise.
    """

    picture: Picture
    left: int
    top: int
    width: int
    height: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the view."""
        return self.picture.shape[0], self.picture.shape[1]

    def goes_on(self, whole: Picture) -> tuple[bool, bool, bool, bool]:
        """Whether there is more of the picture beyond the top, the bottom, the left and the right."""
        height, width = whole.shape[:2]
        return self.top > 0, self.top + self.height < height, self.left > 0, self.left + self.width < width

    def inside(self, x: float, y: float) -> bool:
        """Whether a pixel of the whole picture is in the part."""
        return self.left <= x < self.left + self.width and self.top <= y < self.top + self.height

    def place(self, x: float, y: float) -> tuple[int, int]:
        """Row and column in the view of a pixel of the whole picture; the nearest where it is outside."""
        row = int((y - self.top + 0.5) * self.shape[0] / self.height)
        column = int((x - self.left + 0.5) * self.shape[1] / self.width)
        return min(max(row, 0), self.shape[0] - 1), min(max(column, 0), self.shape[1] - 1)

    def shrink(self, whole: Mask | Probability) -> Probability:
        """The part of a map of the whole picture, at the view's size."""
        part = whole[self.top : self.top + self.height, self.left : self.left + self.width].astype(np.float32)
        return _resized(part, self.shape, cv.INTER_AREA if self.shape[0] <= self.height else cv.INTER_LINEAR)

    def crop(self, whole: Picture) -> Picture:
        """The part of a picture, at its full size."""
        return whole[self.top : self.top + self.height, self.left : self.left + self.width]

    def stretch(self, inside: Mask) -> Mask:
        """A mask of the view at the part's full size, its edges as coarse as they are."""
        return np.asarray(_resized(inside.astype(np.uint8), (self.height, self.width), cv.INTER_NEAREST), np.bool_)

    def part(self, left: int, top: int, right: int, bottom: int, inside: Mask) -> tuple["View", Mask]:
        """A view of a part of this view, and the part of a mask of it.

        Args:
            left: in pixels of the view, like the others.
            top: likewise.
            right: behind the last column; too far is as good as the border.
            bottom: behind the last row.
            inside: (h, w).
        """
        height, width = self.shape
        right, bottom = min(right, width), min(bottom, height)
        # the borders of pixels of the view in pixels of the picture
        x0, x1 = (round(side * self.width / width) for side in (left, right))
        y0, y1 = (round(side * self.height / height) for side in (top, bottom))
        part = View(self.picture[top:bottom, left:right], self.left + x0, self.top + y0, x1 - x0, y1 - y0)
        return part, inside[top:bottom, left:right]

    def paste(self, part: npt.NDArray[np.generic], size: tuple[int, int]) -> npt.NDArray[np.generic]:
        """Zeros of the whole picture's size with `part`, at full size, in its place."""
        whole = np.zeros(size, part.dtype)
        whole[self.top : self.top + self.height, self.left : self.left + self.width] = part
        return whole


def look(picture: Picture, side: int, box: Box | None = None, margin: float = 0.0, least: int = 0) -> View:
    """A view of a picture.

    Args:
        picture: (H, W, 3).
        side: pixels of the view's longer side, at most.
        box: what to see, left, top, right, bottom; None for all.
        margin: how much more around the box, share of its longer side.
        least: pixels of the view's longer side, at least: what is small is enlarged.
    """
    height, width = picture.shape[:2]
    left, top, right, bottom = box or (0, 0, width, height)
    extra = margin * max(right - left, bottom - top)
    x0, y0 = max(int(left - extra), 0), max(int(top - extra), 0)
    x1, y1 = (
        min(max(int(np.ceil(right + extra)), x0 + 2), width),
        min(max(int(np.ceil(bottom + extra)), y0 + 2), height),
    )
    x0, y0 = min(x0, x1 - 1), min(y0, y1 - 1)
    longer = max(x1 - x0, y1 - y0)
    scale = max(min(side / longer, 1.0), least / longer)
    shape = (max(round((y1 - y0) * scale), 2), max(round((x1 - x0) * scale), 2))
    how = cv.INTER_AREA if scale <= 1 else cv.INTER_LINEAR
    return View(_resized(picture[y0:y1, x0:x1], shape, how), x0, y0, x1 - x0, y1 - y0)


def _resized(part: npt.NDArray[Any], shape: tuple[int, int], how: int) -> npt.NDArray[Any]:
    if part.shape[:2] == shape:
        return np.ascontiguousarray(part)
    resized: npt.NDArray[Any] = cv.resize(part, (shape[1], shape[0]), interpolation=how)
    return resized
