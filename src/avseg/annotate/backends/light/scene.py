"""Superpixels of an image with their colours, deep features and neighbours: what a click is compared with."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from avseg.annotate.backends.crop import Crop, crop_image
from avseg.annotate.backends.grabcut.superpixels import Superpixels, split_superpixels
from avseg.annotate.backends.light.features import CELL, LEVELS, CellFeatures
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Image, Map

SIDE = 192  # of the image that is split into superpixels, longer side in pixels
FEATURE_SIDE = 384  # of the image that features are computed of
Numbers = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]  # of superpixels


@dataclass(frozen=True)
class Neighbours:
    """Pairs of superpixels with a common border, (m,) each."""

    first: Ids
    second: Ids
    length: Numbers  # of the border, in pixels
    step: Numbers  # colour difference across the border
    deep_step: Map  # difference of the features

    def graph(self, weight: npt.NDArray[Any], count: int) -> csr_matrix:
        """Build a symmetric matrix (count, count) of the weights of the pairs."""
        rows, columns = np.r_[self.first, self.second], np.r_[self.second, self.first]
        return csr_matrix((np.r_[weight, weight], (rows, columns)), shape=(count, count))


@dataclass(frozen=True)
class Scene:
    """An image split into n superpixels."""

    image: Image
    crop: Crop  # the whole image at `SIDE` pixels
    superpixels: Superpixels
    colours: Numbers  # (n, 3) Lab
    positions: Numbers  # (n, 2) x and y in shares of the longer side
    levels: tuple[Map, ...]  # (n, C) unit vectors of the strides 4, 8 and 16
    neighbours: Neighbours

    @property
    def count(self) -> int:
        """Number of superpixels."""
        return len(self.superpixels.size)

    def superpixel_at(self, x: float, y: float) -> int:
        """Return the superpixel at a pixel of the image."""
        return int(self.superpixels.label[self.crop.to_crop(x, y)])

    @cached_property
    def rim_likeness(self) -> Numbers:
        """Likeness to the superpixels at the border of the image, which are rarely the object; see `likeness`."""
        label = self.superpixels.label
        return self.likeness(np.unique(np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]])))

    @cached_property
    def path_graphs(self) -> tuple[csr_matrix, ...]:
        """Costs of a step between neighbours: by colour, by features, by both."""
        step = np.maximum(self.neighbours.step - 3, 0.1)
        deep = self.neighbours.deep_step
        weights = (step**3, 1e3 * np.maximum(deep - 0.05, 0.005) ** 2, step * np.maximum(deep, 0.02))
        return tuple(self.neighbours.graph(weight, self.count) for weight in weights)

    @cached_property
    def similarities(self) -> tuple[npt.NDArray[np.floating], ...]:
        """Similarities (n, n) of the features of each stride, and of the colours; 0 of a superpixel to itself."""
        matrices: list[npt.NDArray[np.floating]] = [np.exp(12 * (level @ level.T - 1)) for level in self.levels]
        differences = ((self.colours[:, None] - self.colours[None]) ** 2).sum(-1)
        matrices.append(np.exp(-differences / 128))
        for matrix in matrices:
            np.fill_diagonal(matrix, 0)
        return tuple(matrices)

    def prepare(self) -> None:
        """Compute what does not depend on the prompts: a frame is encoded before a person clicks in it."""
        _ = self.rim_likeness, self.path_graphs, self.similarities

    def likeness(self, ids: Ids | list[int]) -> Numbers:
        """Compare all superpixels with some: path costs, similarity of the features, of colour and place, (n, 9)."""
        columns: list[npt.NDArray[Any]] = []
        for graph in self.path_graphs:
            cost = dijkstra(graph, directed=False, indices=ids, min_only=True)
            columns.append(np.log1p(np.minimum(cost, 1e7)) / 3)
        similarities = [level @ level[ids].T for level in self.levels]  # (n, k) each
        columns.extend(3 * similarity.max(1) - 2 for similarity in similarities)
        columns.append(3 * np.mean(similarities, 0).mean(1) - 2)
        columns.append(_distances(self.colours, self.colours[ids]).min(1) / 40)
        columns.append(3 * _distances(self.positions, self.positions[ids]).min(1))
        return np.stack(columns, 1)


def build_scene(image: Image) -> Scene:
    """Split an image (H, W, 3) into superpixels and describe them."""
    crop = crop_image(image, SIDE)
    superpixels = split_superpixels(crop.image)
    label = superpixels.label
    rows, columns = np.mgrid[: label.shape[0], : label.shape[1]]
    centres = np.stack([_means(columns, superpixels), _means(rows, superpixels)], 1)  # (n, 2) in pixels
    lab = cv.cvtColor(cv.GaussianBlur(crop.image, (0, 0), 0.7), cv.COLOR_RGB2LAB)
    colours = np.stack([_means(lab[..., channel], superpixels) for channel in range(3)], 1)
    levels = _describe(image, superpixels, centres)
    first, second = np.nonzero(np.triu(superpixels.border))
    differences = [1 - (level[first] * level[second]).sum(1) for level in levels]
    neighbours = Neighbours(
        first,
        second,
        superpixels.border[first, second],
        superpixels.step[first, second],
        np.asarray(np.mean(differences, 0), np.float32),
    )
    return Scene(image, crop, superpixels, colours, centres / max(label.shape), levels, neighbours)


def _describe(image: Image, superpixels: Superpixels, centres: Numbers) -> tuple[Map, ...]:
    """Average the features over the superpixels; one that covers no cell takes that of its centre."""
    scale = FEATURE_SIDE / max(image.shape[:2])
    height, width = (max(16, round(side * scale / 16) * 16) for side in image.shape[:2])
    features = _network(height, width)(cv.resize(image, (width, height), interpolation=cv.INTER_AREA))
    rows, columns = height // CELL, width // CELL
    flat = features.reshape(rows * columns, -1)
    label = superpixels.label
    cells = cv.resize(label.astype(np.float32), (columns, rows), interpolation=cv.INTER_NEAREST).astype(np.int64)
    count = len(superpixels.size)
    sums = csr_matrix((np.ones(cells.size, np.float32), (cells.ravel(), np.arange(cells.size)))) @ flat
    described = np.zeros((count, flat.shape[1]), np.float32)
    described[: len(sums)] = sums
    empty = np.flatnonzero(np.bincount(cells.ravel(), minlength=count) == 0)
    row = np.minimum((centres[empty, 1] / label.shape[0] * rows).astype(np.int64), rows - 1)
    column = np.minimum((centres[empty, 0] / label.shape[1] * columns).astype(np.int64), columns - 1)
    described[empty] = flat[row * columns + column]
    units = []
    for level in np.split(described, np.cumsum(LEVELS)[:-1], axis=1):
        units.append(level / np.maximum(np.linalg.norm(level, axis=1, keepdims=True), 1e-6))
    return tuple(units)


@lru_cache(maxsize=4)
def _network(height: int, width: int) -> CellFeatures:
    return CellFeatures(height, width)


def _means(values: npt.NDArray[Any], superpixels: Superpixels) -> Numbers:
    """Average values (h, w) over the superpixels, (n,)."""
    size = superpixels.size
    return np.asarray(np.bincount(superpixels.label.ravel(), values.ravel(), len(size)) / np.maximum(size, 1))


def _distances(all_points: Numbers, points: Numbers) -> Numbers:
    """Compute the distances between points (n, d) and (k, d), (n, k)."""
    return np.asarray(np.sqrt(((all_points[:, None] - points[None]) ** 2).sum(-1)))
