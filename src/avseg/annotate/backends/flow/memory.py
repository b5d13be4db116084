"""Memory of an object: the cells of frames in which its mask is known, read by affinity as in XMem."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Image, Map

NEAREST = 16  # memory cells that a query cell attends to
# differences that count as one unit of distance
LIGHTNESS_SCALE = 12.0
CHROMA_SCALE = 9.0
TEXTURE_SCALE = 10.0  # standard deviation of the gray values in a cell
POSITION_SCALE = 0.8  # in lengths of the object


class Position(NamedTuple):
    """Centroid of an object in cells, and the square root of its area."""

    x: float
    y: float
    length: float


class MemoryFrame(NamedTuple):
    """Cells of one frame."""

    feature: Map  # (n, 6), see `cell_features`
    share: Map  # (n,), how much of each cell the object covers, 0 to 1
    label: npt.NDArray[np.int64]  # (n,), the id of the object that covers most of each cell, 0 for background


class Readout(NamedTuple):
    """Result of a read for n query cells, (n,) each; see `protocols.Affinity`."""

    evidence: Map
    strongest: Map
    entropy: Map
    rival: npt.NDArray[np.int64]


def describe_cells(image: Image, grid: tuple[int, int]) -> Map:
    """Compute colour (3 channels) and texture (1 channel) of the cells of a grid, (rows, columns, 4)."""
    size = grid[::-1]
    small = cv.resize(image.astype(np.float32) / 255, size, interpolation=cv.INTER_AREA)
    lab = cv.cvtColor(small, cv.COLOR_RGB2LAB)
    # stronger light raises lightness and chroma together; their ratio is stable
    chroma = lab[..., 1:] * (63 / (lab[..., :1] + 24))
    gray = cv.cvtColor(image, cv.COLOR_RGB2GRAY).astype(np.float32)
    mean = cv.resize(gray, size, interpolation=cv.INTER_AREA)
    mean_square = cv.resize(gray**2, size, interpolation=cv.INTER_AREA)
    texture = np.sqrt(np.maximum(mean_square - mean**2, 0))
    channels = [lab[..., :1] / LIGHTNESS_SCALE, chroma / CHROMA_SCALE, texture / TEXTURE_SCALE]
    return np.dstack(channels).astype(np.float32)


def cell_features(descriptors: Map, position: Position, nearby: npt.NDArray[np.bool_]) -> Map:
    """Append the position relative to the object to the descriptors of the cells in `nearby`: (n, 6)."""
    rows, columns = np.nonzero(nearby)
    scale = POSITION_SCALE * max(position.length, 1.0)
    offset = np.stack([(columns - position.x) / scale, (rows - position.y) / scale], 1)
    return np.concatenate([descriptors[nearby], offset], 1).astype(np.float32)


def read_memory(query: Map, memory: list[MemoryFrame]) -> Readout:
    """Read a memory of m cells for query cells (n, 6): softmax of -distance^2 / 2 over the nearest memory cells."""
    key, share, label = map(np.concatenate, zip(*memory, strict=True))  # (m, 6), (m,), (m,)
    # (n, m) squared distances; only the k nearest cells take part
    distance = (query**2).sum(1)[:, None] + (key**2).sum(1) - 2 * query @ key.T
    k = min(NEAREST, len(key))
    nearest = np.argpartition(distance, k - 1, axis=1)[:, :k]
    kernel = np.exp(-0.5 * np.maximum(np.take_along_axis(distance, nearest, 1), 0))  # (n, k)
    weight = (kernel + 1e-12) / (kernel + 1e-12).sum(1, keepdims=True)
    best = np.take_along_axis(nearest, kernel.argmax(1)[:, None], 1)[:, 0]
    entropy = -(weight * np.log(weight + 1e-12)).sum(1) / np.log(max(k, 2))
    # a cell that resembles nothing in memory is not evidence for the object
    familiarity = np.minimum(kernel.max(1) / 0.1, 1)
    return Readout(
        evidence=((weight * share[nearest]).sum(1) * familiarity).astype(np.float32),
        strongest=kernel.max(1).astype(np.float32),
        entropy=entropy.astype(np.float32),
        rival=label[best],
    )
