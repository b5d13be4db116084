"""How likely each pixel's colour is on an object and beside it: histograms, smoothed."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Picture

BINS = (7, 24, 24)  # brightness changes with the light, so it is told apart more coarsely
Map = npt.NDArray[np.float32]
Histogram = npt.NDArray[np.float32]


def quantise(picture: Picture) -> npt.NDArray[np.int32]:
    """The place of each pixel's colour in a flat histogram, (h, w)."""
    lab = cv.cvtColor(picture, cv.COLOR_RGB2LAB).astype(np.float32)
    # more light makes a colour brighter and more colourful at once; the ratio stays
    scale = 160 / (lab[..., :1] + 60)
    chroma = (lab[..., 1:] - 128) * scale
    l_bin = (lab[..., 0] * (BINS[0] / 256)).astype(np.int32)
    a_bin, b_bin = np.moveaxis(np.clip((chroma + 80) * (BINS[1] / 160), 0, BINS[1] - 1).astype(np.int32), -1, 0)
    return np.asarray((l_bin * BINS[1] + a_bin) * BINS[2] + b_bin, np.int32)


def count(places: npt.NDArray[np.int32], weight: Map) -> Histogram:
    """The share of each colour, (bins,), weighted and smoothed; never quite zero."""
    counts = np.bincount(places.ravel(), weight.ravel(), minlength=int(np.prod(BINS)))
    smooth = ndimage.gaussian_filter(counts.reshape(BINS), (0.8, 0.7, 0.7), truncate=2.0).ravel()
    return np.asarray((smooth + 1e-3) / (smooth.sum() + 1e-3 * len(smooth)), np.float32)
