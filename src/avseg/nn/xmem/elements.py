"""The elements of a memory: one per cell of a memory frame, or one per prototype."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from avseg.nn.xmem.network import FrameFeatures


@dataclass(frozen=True)
class Elements:
    """N memory elements of one group of n objects, element first everywhere.

    Attributes:
        key: (N, CK).
        shrinkage: (N,).
        selection: (N, CK), read when an element becomes a prototype.
        value: (N, n * CV).
        mask: (N, n), each object's mean probability over the cell, carried through consolidation like a value.
        label: (N,) int64, the id of the most probable object of all groups in the cell, 0 for background.
        frame: (N,) int64, the step that the element comes from.
        cell: (N,) int64, its position in that frame, row * w + column at stride 16.
        use: (N,), affinity received so far.
        life: (N,), reads lived through so far.
    """

    key: Tensor
    shrinkage: Tensor
    selection: Tensor
    value: Tensor
    mask: Tensor
    label: Tensor
    frame: Tensor
    cell: Tensor
    use: Tensor
    life: Tensor

    def __len__(self) -> int:
        return len(self.key)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by their names."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def pick(self, index: Tensor | slice) -> "Elements":
        """The elements at `index`, in that order."""
        return Elements(**{name: tensor[index] for name, tensor in self.tensors().items()})

    def usage(self) -> Tensor:
        """(N,), mean affinity received per read (section 3.3.2, "prototype selection"); 0 before the first read."""
        return self.use / self.life.clamp(min=1)

    def used(self, position: Tensor, weight: Tensor) -> "Elements":
        """The same elements after one more read, in which those at `position` received `weight`."""
        return replace(self, use=self.use.index_add(0, position.flatten(), weight.flatten()), life=self.life + 1)


def join(parts: list[Elements]) -> Elements:
    """Puts the elements of all parts after each other."""
    tensors = [part.tensors() for part in parts]
    return Elements(**{name: torch.cat([part[name] for part in tensors]) for name in tensors[0]})


def cells(maps: Tensor) -> Tensor:
    """Turns maps (n, C, h, w) into one row per cell (h * w, n * C)."""
    # products of views round otherwise than products of their copies, and a saved memory is a copy
    return maps.permute(2, 3, 0, 1).flatten(2).flatten(0, 1).contiguous()


def frame_elements(
    step: int, features: FrameFeatures, value: Tensor, probabilities: Tensor, group: slice, ids: Tensor
) -> Elements:
    """The elements of one memory frame for one group.

    Args:
        step: index of the frame.
        features: of the frame.
        value: of all objects (n, CV, h, w).
        probabilities: of background and all objects (1 + n, H, W).
        group: which of the n objects the group has.
        ids: the ids of all n objects (n,) int64.
    """
    per_cell = cells(F.avg_pool2d(probabilities[:, None], probabilities.shape[1] // value.shape[2]))
    count = len(per_cell)
    names = torch.cat([ids.new_zeros(1), ids])
    return Elements(
        key=cells(features.key).float(),
        shrinkage=cells(features.shrinkage).flatten().float(),
        selection=cells(features.selection).float(),
        value=cells(value[group]).float(),
        mask=per_cell[:, 1:][:, group].float(),
        label=names[per_cell.argmax(1)],
        frame=torch.full((count,), step, device=ids.device),
        cell=torch.arange(count, device=ids.device),
        use=torch.zeros(count, device=ids.device),
        life=torch.zeros(count, device=ids.device),
    )
