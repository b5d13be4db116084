"""A picture cut into pieces of even colour, and what is between neighbours."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Mask, Picture

CELL = 7  # pixels between the seeds of the pieces
EASY = 3.0  # steps of colour that cost little: noise and shading
WEIGHTS = (0.6, 1.3, 1.3)  # of Lab: brightness changes within an object


@dataclass(frozen=True)
class Superpixels:
    """Pieces of a picture.

    Attributes:
        label: (h, w) int32, 0 to n - 1.
        size: (n,) pixels.
        step: (n, n) mean difference of colour across the common border, 0 where there is none.
        border: (n, n) length of the common border in pixels.
        edge: (n,) pixels on the view's border.
        open: (n,) those of them where the picture goes on.
    """

    label: npt.NDArray[np.int32]
    size: npt.NDArray[np.int64]
    step: npt.NDArray[np.float64]
    border: npt.NDArray[np.float64]
    edge: npt.NDArray[np.int64]
    open: npt.NDArray[np.int64]

    def cost(self) -> csr_matrix:
        """What it takes to go from piece to piece, (n, n): little over shading, much over edges."""
        # cubed: one edge weighs more than the way over a large object
        return csr_matrix(np.where(self.border > 0, np.maximum(self.step - EASY, 0.1) ** 3, 0))

    def share(self, where: Mask) -> npt.NDArray[np.float64]:
        """The share of each piece that lies in a mask, (n,)."""
        counts = np.bincount(self.label.ravel(), where.ravel(), minlength=len(self.size))
        return np.asarray(counts / np.maximum(self.size, 1))


def cut(picture: Picture, goes_on: tuple[bool, bool, bool, bool] = (False, False, False, False)) -> Superpixels:
    """Cuts a small picture by the watershed of its colours.

    Args:
        picture: (h, w, 3).
        goes_on: whether there is more beyond the top, the bottom, the left and the right.
    """
    smooth = cv.medianBlur(picture, 3)
    lab = cv.GaussianBlur(cv.cvtColor(smooth, cv.COLOR_RGB2LAB), (0, 0), 0.7)
    label = cv.watershed(smooth, _seeds(lab))
    # the lines between pieces go to a neighbour
    label = np.where(label > 0, label, cv.dilate(label.astype(np.float32), np.ones((3, 3)))).astype(np.int32)
    label = np.maximum(label, 1) - 1
    count = int(label.max()) + 1
    step, border = _between(label, lab * np.array(WEIGHTS, np.float32), count)
    sides = (label[0], label[-1], label[:, 0], label[:, -1])
    edge = np.array([np.bincount(side, minlength=count) for side in sides])
    size = np.bincount(label.ravel(), minlength=count)
    return Superpixels(label, size, step, border, edge.sum(0), edge[np.array(goes_on)].sum(0))


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
    label: npt.NDArray[np.int32], lab: npt.NDArray[np.float32], count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean step of colour and length of all common borders, (count, count) each."""
    total, length = np.zeros(count * count), np.zeros(count * count)
    for axis in (0, 1):
        size = label.shape[axis]
        a, b = (np.take(label, range(start, size - 1 + start), axis).ravel() for start in (0, 1))
        # from one pixel before the border to one behind it: edges are blurred over two or three
        before, after = (np.clip(np.arange(size - 1) + offset, 0, size - 1) for offset in (-1, 2))
        step = np.sqrt(((np.take(lab, after, axis) - np.take(lab, before, axis)) ** 2).sum(-1)).ravel()
        other = np.flatnonzero(a != b)
        flat = a[other].astype(np.int64) * count + b[other]
        total += np.bincount(flat, step[other], minlength=count * count)
        length += np.bincount(flat, minlength=count * count)
    steps, border = (matrix.reshape(count, count) + matrix.reshape(count, count).T for matrix in (total, length))
    return steps / np.maximum(border, 1), border
