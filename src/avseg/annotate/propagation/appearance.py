"""Appearance term of the quality: colours of a mask compared with those of the object's accepted masks."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from avseg.annotate.protocols import Image, Mask

BINS = (3, 12, 12)  # of brightness, red chromaticity, green chromaticity
Histogram = npt.NDArray[np.float64]  # (432,)


class Appearance:
    """Compares masks with histograms of accepted masks by object id, also those of other segments."""

    def __init__(self, references: Mapping[int, Sequence[Histogram]]) -> None:
        self.references = references

    def terms(self, object_id: int, image: Image, mask: Mask) -> dict[str, float]:
        """Return the term `likeness`, the lowest similarity to a reference; empty without references or mask."""
        references = self.references.get(object_id)
        if not references or not mask.any():
            return {}
        colours = histogram(image, mask)
        return {"likeness": min(similarity(colours, reference) for reference in references)}


def histogram(image: Image, mask: Mask) -> Histogram:
    """Compute the normalised colour histogram of the pixels in a mask.

    Colour is chromaticity (shares of red and green), which is robust to lighting, and, more coarsely, brightness. Each
    pixel is distributed over the adjacent bins by trilinear interpolation, so that colours near a bin edge match both.
    """
    rgb = image[mask].astype(np.float64)  # (n, 3)
    total = rgb.sum(1, keepdims=True)
    # the constants pull dark pixels, whose chromaticity is noise, towards grey
    chromaticity = (rgb[:, :2] + 10) / (total + 30)
    positions = np.concatenate([total / 765, chromaticity / 0.8], 1) * BINS - 0.5  # (n, 3), in bins
    low = np.floor(positions).astype(np.int64)
    fraction = positions - low
    counts = np.zeros(int(np.prod(BINS)))
    for corner in np.ndindex(2, 2, 2):
        bins = np.clip(low + corner, 0, np.array(BINS) - 1)
        weight = np.where(np.array(corner, np.bool_), fraction, 1 - fraction).prod(axis=1)
        counts += np.bincount(np.ravel_multi_index(tuple(bins.T), BINS), weight, minlength=len(counts))
    return np.asarray(counts / max(counts.sum(), 1e-9))


def similarity(a: Histogram, b: Histogram) -> float:
    """Compute the Bhattacharyya coefficient of two histograms, 0 to 1."""
    return min(float(np.sqrt(a * b).sum()), 1.0)
