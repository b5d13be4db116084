"""The memory elements nearest to a frame; the annotation tool turns them into points.

LU-AVS (CVPR 2024), supplementary, section 7: the closest prototypes of each frame prompt the segmenter.
"""

from typing import NamedTuple

from torch import Tensor

from avseg.nn.xmem.elements import Elements
from avseg.nn.xmem.similarity import Affinity


class Nearest(NamedTuple):
    """The memory elements that each cell (stride 16) of a frame read, nearest first.

    `evidence * affinity[0]` is high where a cell is near an element that was the object with certainty: a positive
    point. Low evidence with a high `affinity[0]` is certain background, or another object (`label[0]`).

    Attributes:
        evidence: (h, w), or (n, h, w) for a group: affinity-weighted mean of the object's mask at the elements, 0 to 1.
    """

    evidence: Tensor
    affinity: Tensor  # (k, h, w), the elements' weights, descending, summing to 1 over k
    label: Tensor  # (k, h, w) int64, id of the most probable object at each element, 0 for background
    frame: Tensor  # (k, h, w) int64, the step (0 after a reset) that each element comes from
    cell: Tensor  # (k, h, w) int64, its cell in that frame, row * w + column


def nearest_elements(affinity: Affinity, elements: Elements, grid: tuple[int, int]) -> Nearest:
    """Collect the elements that the cells of a frame, `grid` = (h, w), read; the evidence is of the group (n, h, w)."""

    def as_maps(rows: Tensor) -> Tensor:
        return rows.T.reshape(-1, *grid)  # (cells, k) to (k, h, w)

    return Nearest(
        evidence=as_maps(affinity.read(elements.mask)),
        affinity=as_maps(affinity.weight),
        label=as_maps(elements.label[affinity.position]),
        frame=as_maps(elements.frame[affinity.position]),
        cell=as_maps(elements.cell[affinity.position]),
    )
