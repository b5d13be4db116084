"""Which memory elements a frame is nearest to: the LU-AVS annotation tool turns them into points.

LU-AVS (CVPR 2024), supplementary, section 7: the closest prototypes of each frame prompt the segmenter.
"""

from typing import NamedTuple

from torch import Tensor

from avseg.nn.xmem.elements import Elements
from avseg.nn.xmem.similarity import Affinity


class Nearest(NamedTuple):
    """For each cell (stride 16) of a frame the memory elements that it read, the nearest first.

    `evidence * affinity[0]` is high where a cell is near to one element that surely was the object: the place of a
    positive point. Low evidence beside a high `affinity[0]` is sure background, or a rival (`label[0]`).

    Attributes:
        evidence: (h, w), or (n, h, w) for a group: affinity-weighted mean of the object's mask at the elements, 0 to 1.
        affinity: (k, h, w), the elements' weights, descending, summing to 1 over k.
        label: (k, h, w) int64, id of the most probable object at each element, 0 for background.
        frame: (k, h, w) int64, the step (counted from 0 since the reset) that each element comes from.
        cell: (k, h, w) int64, its cell in that frame, row * w + column.
    """

    evidence: Tensor
    affinity: Tensor
    label: Tensor
    frame: Tensor
    cell: Tensor


def nearest_elements(affinity: Affinity, elements: Elements, grid: tuple[int, int]) -> Nearest:
    """What the cells of a frame, `grid` = (h, w), found in a memory; evidence of all objects of the group (n, h, w)."""

    def as_maps(rows: Tensor) -> Tensor:
        return rows.T.reshape(-1, *grid)

    return Nearest(
        evidence=as_maps(affinity.read(elements.mask)),
        affinity=as_maps(affinity.weight),
        label=as_maps(elements.label[affinity.position]),
        frame=as_maps(elements.frame[affinity.position]),
        cell=as_maps(elements.cell[affinity.position]),
    )
