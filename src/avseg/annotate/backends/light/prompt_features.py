"""Features of superpixels from clicks, a box and a mask: the inputs of `region_nets`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.light.scene import Ids, Numbers, Scene
from avseg.annotate.protocols import Box, Map

LIKENESS = 9  # columns of `Scene.likeness`
AROUND_BOX = 0.25  # width of the surroundings of a box, in half the sum of its sides


class Prompts(NamedTuple):
    """Superpixels of the clicks on and off the object, and a box in shares of the longer side of the image."""

    positive: list[int]
    negative: list[int]
    box: Box | None = None


class Click(NamedTuple):
    """The superpixel of a click."""

    superpixel: int
    positive: bool


def prompt_features(scene: Scene, prompts: Prompts) -> Map:
    """Compare each superpixel with the clicks, the rim of the image and the surroundings of the box, (n, 54)."""
    nothing = np.zeros((scene.count, LIKENESS))
    positive = scene.likeness(prompts.positive) if prompts.positive else nothing
    negative = scene.likeness(prompts.negative) if prompts.negative else nothing
    counts = [len(prompts.positive), len(prompts.negative)]
    flags = [
        float(counts[0] > 0),
        float(counts[1] > 0),
        float(prompts.box is not None),
        min(counts[0], 4) / 4,
        min(counts[1], 4) / 4,
    ]
    columns: list[npt.NDArray[Any]] = [
        positive,
        negative,
        positive - negative,
        scene.rim_likeness,
        _box_features(scene, prompts.box),
        np.tile(flags, (scene.count, 1)),
    ]
    return np.concatenate(columns, 1).astype(np.float32)


def context_features(scene: Scene, probability: Numbers) -> Map:
    """Compare each superpixel with what is probably the object, and what is not, (n, 16); probability (n,)."""
    size = scene.superpixels.size
    inside, outside = probability * size, (1 - probability) * size
    columns: list[npt.NDArray[Any]] = [probability, np.log((probability + 1e-3) / (1 - probability + 1e-3)) / 3]
    columns.extend(_smoothed(scene, probability))
    *deep_similarities, colour_similarity = scene.similarities
    for level, similarity in zip(scene.levels, deep_similarities, strict=True):
        columns.append(2 * level @ _mean(level, inside))
        columns.append(2 * level @ _mean(level, outside))
        columns.append(_share(similarity, inside, outside))
    columns.append(_share(colour_similarity, inside, outside))
    area = inside.sum() + 1e-6
    centre = (inside[:, None] * scene.positions).sum(0) / area
    spread = np.sqrt((inside[:, None] * (scene.positions - centre) ** 2).sum(0) / area) + 0.01
    columns.append(np.minimum(np.sqrt((((scene.positions - centre) / spread) ** 2).sum(1)), 4) / 2)
    columns.append(np.full(scene.count, np.sqrt(area / size.sum())))
    return np.stack(columns, 1).astype(np.float32)


def _box_features(scene: Scene, box: Box | None) -> Numbers:
    """Compare with the surroundings of a box, and give the position in it."""
    if box is None:
        return np.zeros((scene.count, LIKENESS + 4))
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    u = np.abs(scene.positions[:, 0] - (left + right) / 2) / max(width / 2, 1e-3)
    v = np.abs(scene.positions[:, 1] - (top + bottom) / 2) / max(height / 2, 1e-3)
    distance = np.maximum(u - 1, 0) * width + np.maximum(v - 1, 0) * height
    around = (np.maximum(u, v) > 1) & (distance < AROUND_BOX * (width + height)) & (scene.superpixels.size > 0)
    ids: Ids = np.flatnonzero(around)
    likeness = scene.likeness(ids) if len(ids) else np.zeros((scene.count, LIKENESS))
    inside = [
        np.minimum(np.maximum(u, v), 2),
        u.clip(0, 2),
        v.clip(0, 2),
        np.full(scene.count, np.sqrt(width * height)),
    ]
    return np.concatenate([likeness, np.stack(inside, 1)], 1)


def _smoothed(scene: Scene, probability: Numbers) -> Sequence[Numbers]:
    """Spread a probability to neighbours without a strong edge between: a little, then far."""
    pairs = scene.neighbours
    weight = pairs.length * np.exp(-pairs.step / 8) * np.exp(-4 * pairs.deep_step)
    graph = pairs.graph(weight, scene.count)
    degree = np.asarray(graph.sum(1)).ravel() + 1e-6
    nearby = probability
    for _ in range(3):
        nearby = 0.3 * probability + 0.7 * (graph @ nearby) / degree
    far = nearby
    for _ in range(12):
        far = 0.1 * probability + 0.9 * (graph @ far) / degree
    return nearby, far


def _mean(level: Map, weight: Numbers) -> Numbers:
    return np.asarray(weight @ level / max(weight.sum(), 1e-6))


def _share(similarity: npt.NDArray[np.floating], inside: Numbers, outside: Numbers) -> Numbers:
    """Compute the share of the object among what is similar (n, n) to each superpixel, itself excepted."""
    return np.asarray(similarity @ inside / (similarity @ (inside + outside) + 1e-6))
