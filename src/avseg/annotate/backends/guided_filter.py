"""Clean edges at full size from a small map (fast guided filter: He and Sun, 2015)."""

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Picture, Probability

Map = npt.NDArray[np.float32]


def snap(
    small: Picture, probability: Probability, large: Picture, radius: int = 2, smoothness: float = 1e-3
) -> Probability:
    """Enlarges a map so that its edges follow those of the picture.

    In each window of the small picture the map is explained as a linear function of colour; the function's coefficients
    are enlarged and applied to the large picture's colours.

    Args:
        small: (h, w, 3) uint8.
        probability: (h, w), 0 to 1.
        large: (H, W, 3) uint8, the same picture.
        radius: of the windows, in pixels of the small picture.
        smoothness: variance of colour, 0 to 1 per channel, below which a window has no edge.

    Returns:
        (H, W), 0 to 1.
    """
    guide = np.asarray(small / 255, np.float32)
    slope, offset = _explain(guide, probability.astype(np.float32), radius, smoothness)
    size = (large.shape[1], large.shape[0])
    value = cv.resize(offset, size, interpolation=cv.INTER_LINEAR)
    for channel, plane in enumerate(cv.split(large)):
        coefficient = cv.resize(slope[..., channel], size, interpolation=cv.INTER_LINEAR)
        value = cv.add(value, cv.multiply(coefficient, plane, scale=1 / 255, dtype=cv.CV_32F))
    return np.asarray(np.clip(value, 0, 1), np.float32)


def _explain(guide: Map, target: Map, radius: int, smoothness: float) -> tuple[Map, Map]:
    """Slope (h, w, 3) and offset (h, w) of the target over colour, averaged over the windows that hold a pixel."""

    def mean(values: Map) -> Map:
        return np.asarray(cv.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv.BORDER_REFLECT))

    colour, level = mean(guide), mean(target)
    products = mean(np.ascontiguousarray(guide[..., [0, 0, 0, 1, 1, 2]] * guide[..., [0, 1, 2, 1, 2, 2]]))
    products -= colour[..., [0, 0, 0, 1, 1, 2]] * colour[..., [0, 1, 2, 1, 2, 2]]
    products[..., [0, 3, 5]] += smoothness
    shared = mean(guide * target[..., None]) - colour * level[..., None]
    slope = _solve(products, shared)
    offset = level - (slope * colour).sum(-1)
    return mean(slope), mean(offset)


def _solve(matrix: Map, right: Map) -> Map:
    """Solves symmetric 3 x 3 systems; the matrix as (..., 6), upper triangle row by row."""
    a, b, c, d, e, f = np.moveaxis(matrix, -1, 0)
    x, y, z = np.moveaxis(right, -1, 0)
    # cofactors of the symmetric matrix [[a b c] [b d e] [c e f]]
    aa, ab, ac = d * f - e * e, c * e - b * f, b * e - c * d
    bb, bc, cc = a * f - c * c, b * c - a * e, a * d - b * b
    determinant = a * aa + b * ab + c * ac
    solved = np.stack([aa * x + ab * y + ac * z, ab * x + bb * y + bc * z, ac * x + bc * y + cc * z], -1)
    return np.asarray(solved / determinant[..., None], np.float32)
