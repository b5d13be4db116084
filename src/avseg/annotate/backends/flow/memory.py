"""A memory of an object: cells of frames in which it is known, and which of them those of a frame are near to."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Picture

Map = npt.NDArray[np.float32]
NEAREST = 16  # memory cells that a cell reads
BRIGHTNESS = 12.0  # steps of Lab's lightness that are alike
COLOUR = 9.0  # likewise, of its colours
TEXTURE = 10.0  # likewise, of the spread of brightness in a cell
REACH = 0.8  # distance that is near, in lengths of the object


class Place(NamedTuple):
    """Where an object is and how large: its centroid in cells, and the root of its area."""

    x: float
    y: float
    length: float


@dataclass(frozen=True)
class Known:
    """Cells of one frame: features (n, 6), the object's share (n,), the id that most of each is (n,)."""

    feature: Map
    share: Map
    label: npt.NDArray[np.int64]


class Read(NamedTuple):
    """What each cell found: see `protocols.Affinity`; (n,) each."""

    evidence: Map
    strongest: Map
    entropy: Map
    rival: npt.NDArray[np.int64]


def describe(picture: Picture, grid: tuple[int, int]) -> Map:
    """Colour (3) and spread of brightness (1) of the cells, (h, w, 4), in units of what is alike."""
    small = cv.resize(picture.astype(np.float32) / 255, grid[::-1], interpolation=cv.INTER_AREA)
    lab = cv.cvtColor(small, cv.COLOR_RGB2LAB)
    # more light makes a colour brighter and more colourful at once; the ratio stays
    chroma = lab[..., 1:] * (63 / (lab[..., :1] + 24))
    gray = cv.cvtColor(picture, cv.COLOR_RGB2GRAY).astype(np.float32)
    mean, square = (cv.resize(one, grid[::-1], interpolation=cv.INTER_AREA) for one in (gray, gray**2))
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    return np.dstack([lab[..., :1] / BRIGHTNESS, chroma / COLOUR, spread / TEXTURE]).astype(np.float32)


def features(described: Map, place: Place, near: npt.NDArray[np.bool_]) -> Map:
    """Features (n, 6) of the cells in `near`, with their place relative to the object."""
    rows, columns = np.nonzero(near)
    scale = REACH * max(place.length, 1.0)
    position = np.stack([(columns - place.x) / scale, (rows - place.y) / scale], 1)
    return np.concatenate([described[near], position], 1).astype(np.float32)


def read(query: Map, memory: list[Known]) -> Read:
    """Compares cells (n, 6) with those of a memory; softmax of minus half the squared distance over the nearest."""
    key, share, label = (
        np.concatenate([getattr(known, name) for known in memory]) for name in ("feature", "share", "label")
    )
    distance = (query**2).sum(1)[:, None] + (key**2).sum(1) - 2 * query @ key.T
    count = min(NEAREST, len(key))
    nearest = np.argpartition(distance, count - 1, axis=1)[:, :count]
    kernel = np.exp(-0.5 * np.maximum(np.take_along_axis(distance, nearest, 1), 0))
    weight = (kernel + 1e-12) / (kernel + 1e-12).sum(1, keepdims=True)
    best = np.take_along_axis(nearest, kernel.argmax(1)[:, None], 1)[:, 0]
    entropy = -(weight * np.log(weight + 1e-12)).sum(1) / np.log(max(count, 2))
    # what is like nothing in memory is no evidence for the object
    known = np.minimum(kernel.max(1) / 0.1, 1)
    return Read(
        evidence=((weight * share[nearest]).sum(1) * known).astype(np.float32),
        strongest=kernel.max(1).astype(np.float32),
        entropy=entropy.astype(np.float32),
        rival=label[best],
    )
