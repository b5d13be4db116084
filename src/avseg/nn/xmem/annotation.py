"""Masks that a user sets on one frame, in either of two forms."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from avseg.utils.errors import UserError


class Annotation(NamedTuple):
    """Masks (n, H, W) float, 0 to 1, of the objects `ids`; other objects are not annotated."""

    masks: Tensor
    ids: tuple[int, ...]


def read_annotation(mask: Tensor | None, objects: Sequence[int] | None, size: tuple[int, int]) -> Annotation | None:
    """Convert either form of a mask; None if no object is annotated.

    A mask is (H, W) of object ids, 0 for background; or (n, H, W), bool or 0 to 1, one for each of `objects`. Without
    `objects` those that occur in an (H, W) mask are annotated.

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
    if objects is None:
        if mask.ndim == 3:
            raise UserError("mask: the form (n, H, W) needs `objects`, the id of each mask")
        objects = torch.unique(mask[mask != 0]).tolist()
    ids = tuple(map(int, objects))
    if len(set(ids)) != len(ids) or min(ids, default=1) < 1:
        raise UserError(f"objects: {list(ids)} is not allowed; give distinct ids of 1 or more")
    if not ids:
        return None
    if mask.ndim == 2:
        mask = mask == torch.tensor(ids, device=mask.device)[:, None, None]  # (n, H, W)
    if len(mask) != len(ids):
        raise UserError(f"mask: {len(mask)} masks for {len(ids)} objects; give one for each")
    return Annotation(mask.float(), ids)
