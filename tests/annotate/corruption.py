"""Propagations that go wrong in known ways."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import ndimage

from avseg.annotate.backends.flow.propagator import FlowAffinity
from avseg.annotate.protocols import Image, Mask, Probability, Step

WAYS = ("start of another", "lost", "leaked", "swapped", "frozen", "jitter", "shrunk", "dilated")


class Spoiled(FlowAffinity):
    """The default propagator, except that its masks go wrong in one way, which it carries on itself.

    Args:
        way: one of `WAYS` ("start of another" is not for the propagator to do).
        after: steps until it begins.
        rival: the object that is swapped with.
    """

    def __init__(self, way: str, after: int, rival: int = 0) -> None:
        super().__init__()
        self.way, self.after, self.rival = way, after, rival
        self.rng = np.random.default_rng(0)

    def reset(self, objects: Sequence[int]) -> None:
        super().reset(objects)
        self.steps = 0
        self.frozen: dict[int, Probability] = {}

    def step(self, picture: Image, masks: Mapping[int, Mask] | None = None) -> Step:
        step = super().step(picture, masks)
        self.steps += 1
        if self.steps <= self.after or masks:
            return step
        spoiled = {name: self._spoil(name, step, picture) for name in step.probabilities}
        for name, probability in spoiled.items():
            # what is wrong is carried on, and the memory is read where it is
            track = self._tracked[name]
            rows, columns = (np.linspace(0, n - 1, m).round().astype(int) for n, m in
                             zip(probability.shape, track.probability.shape, strict=True))  # fmt: skip
            track.probability = np.ascontiguousarray(probability[np.ix_(rows, columns)])
        return Step(spoiled, step.affinity)

    def _spoil(self, name: int, step: Step, picture: Image) -> Probability:
        probability = step.probabilities[name]
        length = max(np.sqrt((probability > 0.5).sum()), 4)
        match self.way:
            case "lost":  # it stays somewhere on the ground
                spoiled = np.zeros_like(probability)
                spoiled[2 : 2 + int(length / 2), 2 : 2 + int(length / 2)] = 0.9
                return spoiled
            case "leaked":
                wide = ndimage.binary_dilation(probability > 0.5, iterations=int(length / 2))
                wide[:, : int(np.nonzero(wide.any(0))[0].mean())] &= (probability > 0.5)[
                    :, : int(np.nonzero(wide.any(0))[0].mean())
                ]
                return np.maximum(probability, 0.9 * wide).astype(np.float32)
            case "swapped":
                return step.probabilities.get(self.rival, probability) if name != self.rival else probability
            case "frozen":
                return self.frozen.setdefault(name, probability)
            case "jitter":
                shift = self.rng.uniform(-0.35, 0.35, 2) * length
                return ndimage.shift(probability, shift, order=0)
            case "shrunk":
                return _resized(probability, -0.15 * length)
            case "dilated":
                return _resized(probability, 0.2 * length)
        return probability


def _resized(probability: Probability, by: float) -> Probability:
    inside = probability > 0.5
    if by > 0:
        return (ndimage.distance_transform_edt(~inside) < by).astype(np.float32)
    return (ndimage.distance_transform_edt(inside) > -by).astype(np.float32)
