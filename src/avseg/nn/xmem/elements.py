"""The elements of a memory: one per cell of a memory frame, or one per prototype."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from avseg.nn.xmem.network import FrameFeatures


@dataclass(frozen=True)
class Elements:
    """N memory elements of one group of n objects, element first everywhere."""

    key: Tensor  # (N, CK)
    shrinkage: Tensor  # (N,)
    selection: Tensor  # (N, CK), read when an element becomes a prototype
    value: Tensor  # (N, n * CV)
    mask: Tensor  # (N, n), each object's mean probability over the cell, carried through consolidation like a value
    label: Tensor  # (N,) int64, the id of the most probable object of all groups in the cell, 0 for background
    frame: Tensor  # (N,) int64, the step that the element comes from
    cell: Tensor  # (N,) int64, its position in that frame, row * w + column at stride 16
    use: Tensor  # (N,), affinity received so far
    life: Tensor  # (N,), number of reads so far

    def __len__(self) -> int:
        return len(self.key)

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def pick(self, index: Tensor | slice) -> "Elements":
        """Return the elements at `index`, in that order."""
        return Elements(**{name: tensor[index] for name, tensor in self.tensors().items()})

    def usage(self) -> Tensor:
        """Compute the mean affinity per read (N,) (section 3.3.2, "prototype selection"); 0 before the first read."""
        return self.use / self.life.clamp(min=1)

    def with_read(self, position: Tensor, weight: Tensor) -> "Elements":
        """Return the elements after one more read, in which those at `position` received `weight`."""
        return replace(self, use=self.use.index_add(0, position.flatten(), weight.flatten()), life=self.life + 1)


def join(groups: list[Elements]) -> Elements:
    """Concatenate elements."""
    joined: dict[str, Tensor] = {}
    for field in fields(Elements):
        joined[field.name] = torch.cat([getattr(elements, field.name) for elements in groups])  # along N
    return Elements(**joined)


def rows_of_cells(maps: Tensor) -> Tensor:
    """Reshape maps (n, C, h, w) to one row per cell (h * w, n * C)."""
    # contiguous: products of views and of copies round differently, and a saved memory is a copy
    return maps.permute(2, 3, 0, 1).flatten(2).flatten(0, 1).contiguous()


def frame_elements(
    step: int, features: FrameFeatures, value: Tensor, probabilities: Tensor, group: slice, ids: Tensor
) -> Elements:
    """Create the elements of one memory frame for one `group`, a range of the objects.

    The value (n, CV, h, w) and `ids` (n,) are those of all objects; the probabilities (1 + n, H, W) have background
    first.
    """
    stride = probabilities.shape[1] // value.shape[2]
    per_cell = rows_of_cells(F.avg_pool2d(probabilities[:, None], stride))  # (h * w, 1 + n)
    count = len(per_cell)
    ids_with_background = torch.cat([ids.new_zeros(1), ids])
    return Elements(
        key=rows_of_cells(features.key).float(),
        shrinkage=rows_of_cells(features.shrinkage).flatten().float(),
        selection=rows_of_cells(features.selection).float(),
        value=rows_of_cells(value[group]).float(),
        mask=per_cell[:, 1:][:, group].float(),  # without the background
        label=ids_with_background[per_cell.argmax(1)],
        frame=torch.full((count,), step, device=ids.device),
        cell=torch.arange(count, device=ids.device),
        use=torch.zeros(count, device=ids.device),
        life=torch.zeros(count, device=ids.device),
    )
