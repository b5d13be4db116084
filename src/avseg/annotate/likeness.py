"""Does the mask look like the object? Its colours beside those of the object's accepted masks."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from avseg.annotate.protocols import Mask, Picture

LEVELS = 8  # per channel of the histogram
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
    """The colours of a mask's pixels, (LEVELS ** 3,), its sum 1; smoothed, as light moves colours over the edges."""
    colours = picture[mask].astype(np.float64) * (LEVELS / 256) - 0.5
    low = np.floor(colours).astype(np.int64)
    part = colours - low
    counts = np.zeros(LEVELS**3)
    for corner in np.ndindex(2, 2, 2):
        places = np.clip(low + corner, 0, LEVELS - 1)
        weight = np.where(np.array(corner, np.bool_), part, 1 - part).prod(axis=1)
        flat = (places[:, 0] * LEVELS + places[:, 1]) * LEVELS + places[:, 2]
        counts += np.bincount(flat, weight, minlength=LEVELS**3)
    return counts / max(counts.sum(), 1e-9)


def similarity(a: Histogram, b: Histogram) -> float:
    """Bhattacharyya's coefficient, 0 to 1."""
    return float(np.sqrt(a * b).sum())
