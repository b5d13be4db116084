"""Paint strokes and polygons into masks; the page previews the same shapes."""

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.opencv import cv
from avseg.annotate.document.models import Input
from avseg.annotate.protocols import Mask


def paint(mask: Mask, item: Input) -> Mask:
    """Return a mask (H, W) with the pixels of a stroke or polygon added or removed."""
    corners = np.array(item.values, np.float64).reshape(-1, 2)  # (n, 2) x, y
    area = _polygon(corners, mask.shape) if item.kind == "polygon" else _stroke(corners, item.radius, mask.shape)
    return mask | area if item.positive else mask & ~area


def _stroke(path: npt.NDArray[np.float64], radius: float, shape: tuple[int, ...]) -> Mask:
    """Return the pixels within a radius of a path of points (n, 2)."""
    area = np.zeros(shape, np.bool_)
    starts = path[:-1] if len(path) > 1 else path
    ends = path[1:] if len(path) > 1 else path
    for start, end in zip(starts, ends, strict=True):
        low, high = np.minimum(start, end) - radius, np.maximum(start, end) + radius
        left, top = np.clip(np.ceil(low), 0, shape[::-1]).astype(int)
        right, bottom = np.clip(np.floor(high) + 1, (left, top), np.maximum((left, top), shape[::-1])).astype(int)
        y, x = np.mgrid[top:bottom, left:right]  # (h, w)
        along = end - start
        length = float(along @ along)
        position = 0.0 if length == 0 else ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length
        share = np.clip(position, 0, 1)
        distance = (x - start[0] - share * along[0]) ** 2 + (y - start[1] - share * along[1]) ** 2
        area[top:bottom, left:right] |= distance <= radius**2
    return area


def _polygon(corners: npt.NDArray[np.float64], shape: tuple[int, ...]) -> Mask:
    """Return the pixels inside a polygon of corners (n, 2)."""
    area = np.zeros(shape, np.uint8)
    limit = 1 << 14  # OpenCV takes 16.16 fixed-point coordinates
    fixed = np.round(np.clip(corners, -limit, limit) * 256).astype(np.int32)
    cv.fillPoly(area, [fixed], 1, shift=8)
    return area.astype(np.bool_)
