"""Smoothed Lab histograms of an object and of its surroundings."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Image, Map

BINS = (7, 24, 24)  # fewer bins for lightness, which changes with the illumination
Histogram = npt.NDArray[np.float32]


def colour_bins(image: Image) -> npt.NDArray[np.int32]:
    """Compute the histogram bin of each pixel's colour, (h, w), as an index into the flat histogram."""
    lab = cv.cvtColor(image, cv.COLOR_RGB2LAB).astype(np.float32)
    # stronger light raises lightness and chroma together; their ratio is stable
    scale = 160 / (lab[..., :1] + 60)
    chroma = (lab[..., 1:] - 128) * scale
    l_bin = (lab[..., 0] * (BINS[0] / 256)).astype(np.int32)
    ab_bins = np.clip((chroma + 80) * (BINS[1] / 160), 0, BINS[1] - 1).astype(np.int32)
    a_bin, b_bin = np.moveaxis(ab_bins, -1, 0)
    return np.asarray((l_bin * BINS[1] + a_bin) * BINS[2] + b_bin, np.int32)


def colour_histogram(bins: npt.NDArray[np.int32], weight: Map) -> Histogram:
    """Compute the weighted (h, w), smoothed share of each colour, (prod(BINS),); every share is positive."""
    counts = np.bincount(bins.ravel(), weight.ravel(), minlength=int(np.prod(BINS)))
    smooth = ndimage.gaussian_filter(counts.reshape(BINS), (0.8, 0.7, 0.7), truncate=2.0).ravel()
    return np.asarray((smooth + 1e-3) / (smooth.sum() + 1e-3 * len(smooth)), np.float32)
