"""How likely each pixel's colour is on an object and beside it: histograms, smoothed."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Picture

BINS = (14, 22, 22)  # of Lab: brightness changes with the light, so it is told apart more coarsely
Map = npt.NDArray[np.float32]
Histogram = npt.NDArray[np.float32]


def quantise(picture: Picture) -> npt.NDArray[np.int32]:
    """The place of each pixel's colour in a flat histogram, (h, w)."""
    lab = cv.cvtColor(picture, cv.COLOR_RGB2LAB).astype(np.int32)
    # a and b of usual pictures lie between 68 and 188
    l_bin = lab[..., 0] * BINS[0] // 256
    a_bin, b_bin = (np.clip((lab[..., axis] - 68) * BINS[axis] // 120, 0, BINS[axis] - 1) for axis in (1, 2))
    return np.asarray((l_bin * BINS[1] + a_bin) * BINS[2] + b_bin, np.int32)


def count(places: npt.NDArray[np.int32], weight: Map) -> Histogram:
    """The share of each colour, (bins,), weighted and smoothed; never quite zero."""
    counts = np.bincount(places.ravel(), weight.ravel(), minlength=int(np.prod(BINS)))
    smooth = ndimage.gaussian_filter(counts.reshape(BINS), (0.8, 0.7, 0.7), truncate=2.0).ravel()
    return np.asarray((smooth + 1e-3) / (smooth.sum() + 1e-3 * len(smooth)), np.float32)
