"""Small networks that find the superpixels of an object from its prompts; trained on composed cut-outs.

Trained by `benchmarks/fit_annotation_segmenter.py` (50 kB, `region_nets.npz`) on frames of cut-outs of `avseg data
cutouts`, art under the GPL-2 that is not in the package. They see comparisons with the prompts only, never colours or
features themselves.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import connected_components

from avseg.annotate.backends.light.prompt_features import (
    Click,
    Prompts,
    context_features,
    prompt_features,
)
from avseg.annotate.backends.light.scene import Numbers, Scene
from avseg.annotate.protocols import Map

WEIGHTS = Path(__file__).with_name("region_nets.npz")
NAMES = ("start", "context", "box_start", "box_context")
Region = npt.NDArray[np.bool_]  # (n,) superpixels


class RegionNet(NamedTuple):
    """A perceptron with two hidden layers."""

    mean: Map  # of the inputs
    deviation: Map
    layers: Sequence[tuple[Map, Map]]  # weight (outputs, inputs) and bias

    def __call__(self, features: Map) -> Numbers:
        """Return probabilities (n,) from features (n, C)."""
        x = ((features - self.mean) / self.deviation).clip(-4, 4)
        for weight, bias in self.layers[:-1]:
            x = np.maximum(x @ weight.T + bias, 0)
        weight, bias = self.layers[-1]
        return np.asarray(1 / (1 + np.exp(-(x @ weight.T + bias)[:, 0])), np.float64)


class RegionNets:
    """Estimates regions from prompts: first by likeness to them, then also by likeness to that estimate.

    A box alone is the weakest prompt: a second pair of networks knows nothing but boxes, tight and loose ones, and what
    either pair takes for the object is the object.
    """

    def __init__(self, first: RegionNet, second: RegionNet, box_first: RegionNet, box_second: RegionNet) -> None:
        self._pair, self._box_pair = (first, second), (box_first, box_second)

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> "RegionNets":
        """Read the networks from a file."""
        return cls(*read_nets(path))

    def estimate(self, scene: Scene, prompts: Prompts) -> Numbers:
        """Estimate the probability of each superpixel to be of the object, (n,)."""
        features = prompt_features(scene, prompts)
        probability = _estimate(scene, features, self._pair)
        if not prompts.positive and not prompts.negative:
            probability = np.maximum(probability, _estimate(scene, features, self._box_pair))
        probability[prompts.positive] = 1
        probability[prompts.negative] = 0
        return probability


def read_nets(path: Path) -> list[RegionNet]:
    """Read the networks of a file, in the order of `NAMES`."""
    with np.load(path) as arrays:
        return [_read(arrays, name) for name in NAMES if f"{name}.mean" in arrays]


def connected_change(scene: Scene, region: Region, likely: Region, click: Click) -> Region:
    """Return the superpixels that a click adds to a region or removes from it: those that change connected with it."""
    changes = likely & ~region if click.positive else region & ~likely
    changes[click.superpixel] = True
    pairs = scene.neighbours
    linked = changes[pairs.first] & changes[pairs.second]
    _, component = connected_components(pairs.graph(linked, scene.count), directed=False)
    return np.asarray(changes & (component == component[click.superpixel]))


def _estimate(scene: Scene, features: Map, pair: tuple[RegionNet, RegionNet]) -> Numbers:
    first, second = pair
    return second(np.concatenate([features, context_features(scene, first(features))], 1))


def _read(arrays: "np.lib.npyio.NpzFile", name: str) -> RegionNet:
    def get(key: str) -> Map:
        return np.asarray(arrays[f"{name}.{key}"], np.float32)

    layers = [(get(f"weight{number}"), get(f"bias{number}")) for number in range(3)]
    return RegionNet(get("mean"), get("deviation"), layers)
