"""Split an image into superpixels by the watershed, and measure the edges between neighbours."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Image, Mask

CELL = 7  # pixels between the seeds
FREE_STEP = 3.0  # colour difference that costs little: noise and shading
LAB_WEIGHTS = (0.6, 1.3, 1.3)  # lightness varies within an object


@dataclass(frozen=True)
class Superpixels:
    """The n superpixels of an image."""

    label: npt.NDArray[np.int32]  # (h, w) int32, 0 to n - 1
    size: npt.NDArray[np.int64]  # (n,) pixels
    step: npt.NDArray[np.float64]  # (n, n) mean colour difference across the common border, 0 without one
    border: npt.NDArray[np.float64]  # (n, n) length of the common border in pixels
    edge: npt.NDArray[np.int64]  # (n,) pixels on the border of the crop
    open: npt.NDArray[np.int64]  # (n,) those of them where the full image continues

    def path_costs(self) -> csr_matrix:
        """Compute the cost of going from superpixel to superpixel, (n, n): low over shading, high over edges."""
        # cubed: one edge must outweigh a long way within a large object
        return csr_matrix(np.where(self.border > 0, np.maximum(self.step - FREE_STEP, 0.1) ** 3, 0))

    def covered_share(self, mask: Mask) -> npt.NDArray[np.float64]:
        """Compute the share of each superpixel that a mask (h, w) covers, (n,)."""
        return covered_share(self.label, self.size, mask)


def covered_share(label: npt.NDArray[np.int32], size: npt.NDArray[np.int64], mask: Mask) -> npt.NDArray[np.float64]:
    """Compute the share that a mask (h, w) covers of each superpixel, (n,), from their labels (h, w) and sizes."""
    counts = np.bincount(label.ravel(), mask.ravel(), minlength=len(size))
    return np.asarray(counts / np.maximum(size, 1))


def split_superpixels(
    image: Image, continues: tuple[bool, bool, bool, bool] = (False, False, False, False)
) -> Superpixels:
    """Split a small image (h, w, 3) by the watershed of its colours; `continues` is that of `Crop.continues`."""
    smooth = cv.medianBlur(image, 3)
    lab = cv.GaussianBlur(cv.cvtColor(smooth, cv.COLOR_RGB2LAB), (0, 0), 0.7)
    label = cv.watershed(smooth, _seeds(lab))
    # the watershed lines (-1) are assigned to a neighbour
    label = np.where(label > 0, label, cv.dilate(label.astype(np.float32), np.ones((3, 3)))).astype(np.int32)
    label = np.maximum(label, 1) - 1
    count = int(label.max()) + 1
    step, border = _neighbour_edges(label, lab * np.array(LAB_WEIGHTS, np.float32), count)
    sides = (label[0], label[-1], label[:, 0], label[:, -1])
    edge = np.array([np.bincount(side, minlength=count) for side in sides])  # (4, n)
    size = np.bincount(label.ravel(), minlength=count)
    return Superpixels(label, size, step, border, edge.sum(0), edge[np.array(continues)].sum(0))


def _seeds(lab: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Place one watershed marker per grid cell, where the gradient is smallest; (h, w)."""
    gradient_x, gradient_y = cv.Sobel(lab, cv.CV_32F, 1, 0), cv.Sobel(lab, cv.CV_32F, 0, 1)
    gradient = np.abs(gradient_x).sum(-1) + np.abs(gradient_y).sum(-1)
    height, width = gradient.shape
    markers = np.zeros((height, width), np.int32)
    rows, columns = max(height // CELL, 1), max(width // CELL, 1)
    cell_h, cell_w = height // rows, width // columns
    # (rows, columns, cell_h * cell_w)
    cells = gradient[: rows * cell_h, : columns * cell_w].reshape(rows, cell_h, columns, cell_w)
    flattest = cells.transpose(0, 2, 1, 3).reshape(rows, columns, -1).argmin(-1)
    y = flattest // cell_w + np.arange(rows)[:, None] * cell_h
    x = flattest % cell_w + np.arange(columns) * cell_w
    markers[y, x] = np.arange(1, rows * columns + 1).reshape(rows, columns)
    return markers


def _neighbour_edges(
    label: npt.NDArray[np.int32], lab: npt.NDArray[np.float32], count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Compute mean colour difference and length of all common borders, (count, count) each."""
    total, length = np.zeros(count * count), np.zeros(count * count)
    for axis in (0, 1):
        size = label.shape[axis]
        first = np.take(label, range(size - 1), axis).ravel()
        second = np.take(label, range(1, size), axis).ravel()
        # from one pixel before the border to one behind it, because edges are blurred over two or three pixels
        left = np.take(lab, np.clip(np.arange(size - 1) - 1, 0, size - 1), axis)
        right = np.take(lab, np.clip(np.arange(size - 1) + 2, 0, size - 1), axis)
        step = np.sqrt(((right - left) ** 2).sum(-1)).ravel()
        crossing = np.flatnonzero(first != second)
        pair = first[crossing].astype(np.int64) * count + second[crossing]
        total += np.bincount(pair, step[crossing], minlength=count * count)
        length += np.bincount(pair, minlength=count * count)
    difference, border = total.reshape(count, count), length.reshape(count, count)
    border = border + border.T
    return (difference + difference.T) / np.maximum(border, 1), border
