"""Upsample a coarse probability map along image edges (fast guided filter: He and Sun, 2015, arXiv 1505.00996)."""

import numpy as np

from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Image, Map, Probability

# the upper triangle of a symmetric 3 x 3 matrix, row by row
_ROWS, _COLUMNS = [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]
_DIAGONAL = [0, 3, 5]


def guided_upsample(
    small: Image, probability: Probability, large: Image, radius: int = 2, smoothness: float = 1e-3
) -> Probability:
    """Upsample a map (h, w) from the small image to the large one, so that its edges follow those of the image.

    In each window of the small image the map is fitted as a linear function of colour. The coefficients are upsampled
    and applied to the colours of the large image. `radius` is that of the windows, in pixels of the small image;
    colour variance (channels 0 to 1) below `smoothness` counts as flat. Returns (H, W), 0 to 1.
    """
    guide = np.asarray(small / 255, np.float32)
    slope, offset = _fit_windows(guide, probability.astype(np.float32), radius, smoothness)
    size = (large.shape[1], large.shape[0])
    value = cv.resize(offset, size, interpolation=cv.INTER_LINEAR)
    # one channel at a time: full-size maps of all three would triple the memory
    for channel, plane in enumerate(cv.split(large)):
        coefficient = cv.resize(slope[..., channel], size, interpolation=cv.INTER_LINEAR)
        value = cv.add(value, cv.multiply(coefficient, plane, scale=1 / 255, dtype=cv.CV_32F))
    return np.asarray(np.clip(value, 0, 1), np.float32)


def _fit_windows(guide: Map, target: Map, radius: int, smoothness: float) -> tuple[Map, Map]:
    """Fit the target (h, w) as a linear function of colour; return slope (h, w, 3) and offset (h, w), averaged."""

    def mean(values: Map) -> Map:
        return np.asarray(cv.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv.BORDER_REFLECT))

    colour, level = mean(guide), mean(target)
    # covariance of the colours, (h, w, 6)
    covariance = mean(np.ascontiguousarray(guide[..., _ROWS] * guide[..., _COLUMNS]))
    covariance -= colour[..., _ROWS] * colour[..., _COLUMNS]
    covariance[..., _DIAGONAL] += smoothness
    # covariance of colour and target, (h, w, 3)
    cross = mean(guide * target[..., None]) - colour * level[..., None]
    slope = _solve_symmetric(covariance, cross)
    offset = level - (slope * colour).sum(-1)
    return mean(slope), mean(offset)


def _solve_symmetric(matrix: Map, right: Map) -> Map:
    """Solve symmetric 3 x 3 systems by cofactors; the matrix as (..., 6), upper triangle row by row."""
    a, b, c, d, e, f = np.moveaxis(matrix, -1, 0)
    x, y, z = np.moveaxis(right, -1, 0)
    # cofactors of the symmetric matrix [[a b c] [b d e] [c e f]]
    aa, ab, ac = d * f - e * e, c * e - b * f, b * e - c * d
    bb, bc, cc = a * f - c * c, b * c - a * e, a * d - b * b
    determinant = a * aa + b * ab + c * ac
    solved = np.stack([aa * x + ab * y + ac * z, ab * x + bb * y + bc * z, ac * x + bc * y + cc * z], -1)
    return np.asarray(solved / determinant[..., None], np.float32)
