"""Remembers what each refined mask was made from, so that the page can show a frame as propagated and as refined."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from avseg.annotate.document import rle
from avseg.annotate.protocols import Box, Candidate, Mask, Picture, Probability, Segmenter

_KEPT = 20_000  # masks; run lengths of a few hundred bytes each


class Remembering:
    """A segmenter that notes, for each mask it draws from another mask, that other one.

    Attributes:
        before: the run lengths given to the segmenter, by the counts of those it answered.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self.segmenter = segmenter
        self.before: OrderedDict[str, rle.RLE] = OrderedDict()

    def encode(self, picture: Picture) -> Any:
        """See `Segmenter`."""
        return self.segmenter.encode(picture)

    def predict(
        self,
        encoded: Any,
        points: Sequence[tuple[float, float, bool]] = (),
        box: Box | None = None,
        mask: Mask | Probability | None = None,
    ) -> list[Candidate]:
        """See `Segmenter`."""
        found = self.segmenter.predict(encoded, points, box, mask)
        if mask is not None:
            prior = rle.encode(np.greater(mask, 0.5))
            for candidate in found:
                self.before[rle.encode(candidate.mask)["counts"]] = prior
            while len(self.before) > _KEPT:
                self.before.popitem(last=False)
        return found
