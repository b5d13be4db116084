"""What a user says about one frame: masks of some objects."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from avseg.utils.errors import UserError


class Annotation(NamedTuple):
    """Masks (n, H, W) float, 0 to 1, of the objects `ids`; of other objects nothing is said."""

    masks: Tensor
    ids: tuple[int, ...]


def read_annotation(mask: Tensor | None, objects: Sequence[int] | None, size: tuple[int, int]) -> Annotation | None:
    """Understands either form of a mask.

    Args:
        mask: (H, W) of object ids, 0 for background; or (n, H, W), bool or 0 to 1, one for each of `objects`; or None.
        objects: ids that the mask speaks of; None for those that occur in an (H, W) mask.
        size: height and width of the frame.

    Returns:
        None where nothing is said of any object.

    Raises:
        UserError: another shape, or ids that are not distinct whole numbers of 1 or more.
    """
    if mask is None:
        if objects:
            raise UserError(f"objects: {list(objects)} came without a mask; give both or neither")
        return None
    if mask.ndim not in (2, 3) or tuple(mask.shape[-2:]) != size:
        raise UserError(
            f"mask: shape {tuple(mask.shape)} does not fit a frame of {size[0]}x{size[1]}; "
            "give (H, W) of ids, or (n, H, W)"
        )
    if objects is None and mask.ndim == 3:
        raise UserError("mask: the form (n, H, W) needs `objects`, the id of each mask")
    ids = _ids_in(mask) if objects is None else _checked(objects)
    if not ids:
        return None
    if mask.ndim == 2:
        names = torch.tensor(ids, device=mask.device)
        return Annotation((mask == names[:, None, None]).float(), ids)
    if len(mask) != len(ids):
        raise UserError(f"mask: {len(mask)} masks for {len(ids)} objects; give one for each")
    return Annotation(mask.float(), ids)


def _ids_in(mask: Tensor) -> tuple[int, ...]:
    return _checked([int(name) for name in torch.unique(mask) if name != 0])


def _checked(objects: Sequence[int]) -> tuple[int, ...]:
    ids = tuple(int(name) for name in objects)
    if len(set(ids)) != len(ids) or any(name < 1 for name in ids):
        raise UserError(f"objects: {list(ids)} will not do; give distinct ids of 1 or more")
    return ids
