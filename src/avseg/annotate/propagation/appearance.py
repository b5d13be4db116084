"""Does the mask look like the object? Its colours beside those of the object's accepted masks."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from avseg.annotate.protocols import Mask, Picture

LEVELS = (3, 12, 12)  # of brightness, share of red, share of green
Histogram = npt.NDArray[np.float64]


class Likeness:
    """Compares masks with what is known of each object's colours.

    Args:
        references: histograms of the accepted masks (see `histogram`), by object; also from other segments, so that a
            segment that starts from another object is found out.
    """

    def __init__(self, references: Mapping[int, Sequence[Histogram]]) -> None:
        self.references = references

    def terms(self, object_id: int, picture: Picture, mask: Mask) -> dict[str, float]:
        """The term `likeness`: to the least alike of the object's references; none where there is nothing to say."""
        references = self.references.get(object_id)
        if not references or not mask.any():
            return {}
        found = histogram(picture, mask)
        return {"likeness": min(similarity(found, reference) for reference in references)}


def histogram(picture: Picture, mask: Mask) -> Histogram:
    """The colours of a mask's pixels, its sum 1.

    Colour is the share of red and of green, which more or less light leaves alone, and, more coarsely, brightness.
    Each pixel is shared out between the bins around it, as a colour near to an edge of two bins is like both.
    """
    colours = picture[mask].astype(np.float64)
    total = colours.sum(1, keepdims=True)
    # dark pixels have no colour to speak of
    shares = (colours[:, :2] + 10) / (total + 30)
    places = np.concatenate([total / 765, shares / 0.8], 1) * LEVELS - 0.5
    low = np.floor(places).astype(np.int64)
    part = places - low
    counts = np.zeros(int(np.prod(LEVELS)))
    for corner in np.ndindex(2, 2, 2):
        near = np.clip(low + corner, 0, np.array(LEVELS) - 1)
        weight = np.where(np.array(corner, np.bool_), part, 1 - part).prod(axis=1)
        counts += np.bincount(np.ravel_multi_index(tuple(near.T), LEVELS), weight, minlength=len(counts))
    return np.asarray(counts / max(counts.sum(), 1e-9))


def similarity(a: Histogram, b: Histogram) -> float:
    """Bhattacharyya's coefficient, 0 to 1."""
    return min(float(np.sqrt(a * b).sum()), 1.0)
