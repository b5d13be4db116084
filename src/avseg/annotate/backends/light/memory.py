"""Read a memory of cells by affinity: each cell takes the labels of the most similar cells nearby in the window."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.light.window import CELLS
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Map

BLOCK = 8  # cells along a side, which are read together
REACH = 8  # cells around a block that are read
NEAREST = 6  # cells that a cell takes its label from
TEMPERATURE = 0.05  # of the softmax over their similarities
_BLOCKS = CELLS // BLOCK
Blocks = npt.NDArray[np.int64]  # (n,) numbers of blocks, row by row


class MemoryFrame(NamedTuple):
    """Cells of a window whose mask is known."""

    features: Map  # (CELLS, CELLS, C)
    shares: Map  # (CELLS, CELLS), how much of each cell the object covers; negative outside of the image


class Readout(NamedTuple):
    """Result of a read, (CELLS, CELLS) each; zeros in blocks that were not read, whose entropy is 1."""

    evidence: Map  # labels of the nearest cells, weighted by affinity
    strongest: Map  # similarity of the nearest cell
    entropy: Map  # of the affinity, 0 to 1


def read_memory(features: Map, memory: Sequence[MemoryFrame], probable: Map, background: Map | None = None) -> Readout:
    """Read for the blocks at and next to where the object is probable, (CELLS, CELLS); for all if it is nowhere.

    Cells of the `background`, (k, C), are compared with all cells, wherever these are.
    """
    blocks = _blocks_to_read(probable)  # (n,)
    query = _tiles(features, blocks, 0)  # (n, BLOCK^2, C)
    similarities, labels = [], []
    for frame in memory:
        similarity = query @ _tiles(frame.features, blocks, REACH).transpose(0, 2, 1)  # (n, BLOCK^2, m)
        share = _tiles(frame.shares[..., None], blocks, REACH, outside=-1.0)  # (n, m, 1)
        similarity -= np.where(share < 0, np.float32(2), np.float32(0)).transpose(0, 2, 1)  # below that of any cell
        highest, index = _largest(similarity.reshape(len(blocks) * BLOCK**2, -1))  # (n BLOCK^2, NEAREST)
        block = np.arange(len(index))[:, None] // BLOCK**2
        similarities.append(highest)
        labels.append(share[..., 0].clip(0)[block, index])
    if background is not None and len(background):
        highest, _ = _largest(query.reshape(len(blocks) * BLOCK**2, -1) @ background.T)
        similarities.append(highest)
        labels.append(np.zeros_like(highest))
    nearest, index = _largest(np.concatenate(similarities, 1))
    label = np.take_along_axis(np.concatenate(labels, 1), index, 1)
    weight = np.exp((nearest - nearest[:, :1]) / TEMPERATURE)
    weight /= weight.sum(1, keepdims=True)
    entropy = -(weight * np.log(weight + 1e-12)).sum(1) / np.log(NEAREST)
    evidence, strongest = (weight * label).sum(1), nearest[:, 0].clip(0)
    return Readout(_assemble(evidence, blocks, 0), _assemble(strongest, blocks, 0), _assemble(entropy, blocks, 1))


def _largest(values: Map) -> tuple[Map, npt.NDArray[np.int64]]:
    """Return the NEAREST largest values of each row (n, m), which is overwritten, and their columns, largest first."""
    rows = np.arange(len(values))
    largest, columns = [], []
    for _ in range(NEAREST):  # a few searches for the maximum are faster than a partition
        column = values.argmax(1)
        largest.append(values[rows, column])
        columns.append(column)
        values[rows, column] = -np.inf
    return np.stack(largest, 1), np.stack(columns, 1)


def _blocks_to_read(probable: Map) -> Blocks:
    highest = probable.reshape(_BLOCKS, BLOCK, _BLOCKS, BLOCK).max((1, 3))
    is_near = cv.dilate(highest, np.ones((3, 3), np.uint8)).ravel() > 0.3
    return np.flatnonzero(is_near) if is_near.any() else np.arange(_BLOCKS**2)


def _tiles(cells: Map, blocks: Blocks, reach: int, outside: float = 0.0) -> Map:
    """Cut blocks with the cells within `reach` out of (CELLS, CELLS, C): (n, (BLOCK + 2 reach)^2, C)."""
    side = BLOCK + 2 * reach
    padded = np.pad(cells, ((reach, reach), (reach, reach), (0, 0)), constant_values=outside)
    tiles = np.empty((len(blocks), side, side, cells.shape[2]), np.float32)
    for tile, block in zip(tiles, blocks, strict=True):
        top, left = BLOCK * (block // _BLOCKS), BLOCK * (block % _BLOCKS)
        tile[:] = padded[top : top + side, left : left + side]
    return tiles.reshape(len(blocks), side**2, -1)


def _assemble(values: Map, blocks: Blocks, default: float) -> Map:
    """Put the values (n BLOCK^2,) of blocks into a map (CELLS, CELLS)."""
    tiles = np.full((_BLOCKS**2, BLOCK**2), default, np.float32)
    tiles[blocks] = values.reshape(len(blocks), -1)
    return np.ascontiguousarray(tiles.reshape(_BLOCKS, _BLOCKS, BLOCK, BLOCK).swapaxes(1, 2).reshape(CELLS, CELLS))
