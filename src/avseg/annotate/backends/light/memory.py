"""Read a memory of cells by affinity: each cell takes the labels of the most similar cells nearby in the window."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from avseg.annotate.backends.light.window import CELLS
from avseg.annotate.protocols import Map

BLOCK = 8  # cells along a side, which are read together
REACH = 8  # cells around a block that are read
NEAREST = 6  # cells that a cell takes its label from
TEMPERATURE = 0.05  # of the softmax over their similarities
_BLOCKS = CELLS // BLOCK


class MemoryFrame(NamedTuple):
    """Cells of a window whose mask is known."""

    features: Tensor  # (C, CELLS, CELLS)
    shares: Map  # (CELLS, CELLS), how much of each cell the object covers; negative outside of the image


class Readout(NamedTuple):
    """Result of a read, (CELLS, CELLS) each; zeros in blocks that were not read, whose entropy is 1."""

    evidence: Map  # labels of the nearest cells, weighted by affinity
    strongest: Map  # similarity of the nearest cell
    entropy: Map  # of the affinity, 0 to 1


@torch.inference_mode()
def read_memory(features: Tensor, memory: Sequence[MemoryFrame], probable: Map) -> Readout:
    """Read for the blocks at and next to where the object is probable, (CELLS, CELLS); for all if it is nowhere."""
    blocks = _blocks_to_read(probable)  # (n,)
    query = _tiles(features, 0)[blocks].transpose(1, 2)  # (n, BLOCK^2, C)
    similarities, labels = [], []
    for frame in memory:
        similarity = torch.bmm(query, _tiles(frame.features, REACH)[blocks])  # (n, BLOCK^2, m)
        padded = _tiles(torch.from_numpy(frame.shares)[None], REACH, outside=-1.0)[blocks]  # (n, 1, m)
        similarities.append(similarity.masked_fill(padded < 0, -1.0))
        labels.append(padded.clamp_min(0))
    similarity = torch.cat(similarities, 2)
    label = torch.cat(labels, 2).expand(-1, BLOCK**2, -1)
    nearest, index = similarity.topk(NEAREST, 2)  # (n, BLOCK^2, NEAREST)
    weight = torch.softmax(nearest / TEMPERATURE, 2)
    evidence = (weight * label.gather(2, index)).sum(2)
    entropy = -(weight * (weight + 1e-12).log()).sum(2) / np.log(NEAREST)
    strongest = nearest[..., 0].clamp_min(0)
    return Readout(_assemble(evidence, blocks, 0), _assemble(strongest, blocks, 0), _assemble(entropy, blocks, 1))


def _blocks_to_read(probable: Map) -> Tensor:
    probability = F.max_pool2d(torch.from_numpy(probable)[None, None], BLOCK)
    is_near = F.max_pool2d(probability, 3, 1, 1).flatten() > 0.3
    return is_near.nonzero()[:, 0] if is_near.any() else torch.arange(_BLOCKS**2)


def _tiles(cells: Tensor, reach: int, outside: float = 0.0) -> Tensor:
    """Split (C, CELLS, CELLS) into blocks with the cells within `reach`: (blocks, C, (BLOCK + 2 reach)^2)."""
    padded = F.pad(cells, (reach,) * 4, value=outside)
    tiles = padded.unfold(1, BLOCK + 2 * reach, BLOCK).unfold(2, BLOCK + 2 * reach, BLOCK)  # (C, rows, columns, h, w)
    return tiles.permute(1, 2, 0, 3, 4).reshape(_BLOCKS**2, len(cells), -1)


def _assemble(values: Tensor, blocks: Tensor, default: float) -> Map:
    """Put the values (n, BLOCK^2) of blocks into a map (CELLS, CELLS)."""
    tiles = torch.full((_BLOCKS**2, BLOCK**2), float(default))
    tiles[blocks] = values
    rows = tiles.view(_BLOCKS, _BLOCKS, BLOCK, BLOCK).transpose(1, 2)
    return np.ascontiguousarray(rows.reshape(CELLS, CELLS).numpy(), np.float32)
