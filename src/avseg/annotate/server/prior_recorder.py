"""Record the prior of each refined mask, so that the page can show a frame both as propagated and as refined."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from avseg.annotate.document import rle
from avseg.annotate.protocols import Box, Candidate, Image, Mask, Probability, Segmenter
from avseg.utils.lru import LRUCache

_MAX_PRIORS = 20_000  # run lengths of a few hundred bytes each


class PriorRecorder:
    """A segmenter that remembers from which mask it drew each mask."""

    def __init__(self, segmenter: Segmenter, shared: "PriorRecorder | None" = None) -> None:
        self.segmenter = segmenter
        self.learned = getattr(segmenter, "learned", False)
        self.corrects = getattr(segmenter, "corrects", False)
        self._priors: LRUCache[str, rle.RLE] = LRUCache(_MAX_PRIORS)
        self._lock = threading.Lock()  # read by the threads that answer requests
        if shared is not None:
            self._priors, self._lock = shared._priors, shared._lock
        refiner = getattr(segmenter, "refiner", None)
        self.refiner: PriorRecorder = self if refiner is None else PriorRecorder(refiner, self)

    def encode(self, image: Image) -> Any:
        """See `Segmenter`."""
        return self.segmenter.encode(image)

    def predict(
        self,
        encoded: Any,
        points: Sequence[tuple[float, float, bool]] = (),
        box: Box | None = None,
        mask: Mask | Probability | None = None,
    ) -> Sequence[Candidate]:
        """See `Segmenter`."""
        candidates = self.segmenter.predict(encoded, points, box, mask)
        if mask is not None:
            prior = rle.encode(np.greater(mask, 0.5))
            with self._lock:
                for candidate in candidates:
                    self._priors[rle.encode(candidate.mask)["counts"]] = prior
        return candidates

    def prior_of(self, counts: str) -> rle.RLE | None:
        """Return the run lengths of the prior of a mask, given by its counts; None if it is not known."""
        with self._lock:
            return self._priors.get(counts)
