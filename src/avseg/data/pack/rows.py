"""Row layout of a pack: a row for each existing frame, mask and second of sound."""

from typing import Any

import numpy as np
import numpy.typing as npt

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.clip import Clip

RowType = tuple[str, tuple[int, ...]]  # dtype, shape


def row_types(dataset: AVSBenchDataset) -> dict[str, RowType]:
    """Return type and shape of a row of each array."""
    size = dataset.rule.image_size
    # a byte per pixel for class ids, a bit for sounding or not
    mask_bytes = size**2 if dataset.setting.semantic else -(-(size**2) // 8)
    return {
        "frames": ("|u1", (3, size, size)),
        "masks": ("|u1", (mask_bytes,)),
        "patches": ("<f4", dataset.frontend.shape),
    }


def clip_rows(dataset: AVSBenchDataset, index: int, clip: Clip) -> dict[str, npt.NDArray[Any]]:
    """Return the rows of a clip without padding and without masks of unlabelled frames; binary masks as bits."""
    seconds = dataset.seconds(index)
    masks = clip.masks[0, : count_masks(dataset, index)].flatten(1).numpy()  # (m, H W)
    return {
        "frames": clip.frames[0, :seconds].numpy(),  # (n, 3, H, W)
        # (m, H W) or (m, H W / 8)
        "masks": masks if dataset.setting.semantic else np.packbits(masks, axis=1),
        "patches": clip.sound[0, :seconds].numpy(),  # (n, 1, 96, 64)
    }


def count_masks(dataset: AVSBenchDataset, index: int) -> int:
    """Return the number of the clip's first frames that have a mask."""
    return len(dataset.layout.masks(dataset.entries[index]))


def first_rows(counts: list[int]) -> list[int]:
    """Return the first row of each clip, and the total, for clips with these numbers of rows."""
    return [0, *np.cumsum(counts).tolist()]
