"""What a clip is in a pack: a row for each frame, each mask and each second of sound that exists."""

from typing import Any

import numpy as np
import numpy.typing as npt

from avseg.audio.log_mel import BANDS, PATCH_FRAMES
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.clip import Clip


def row_shapes(dataset: AVSBenchDataset) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type and shape of a row of each array: a frame, a mask, a second of sound."""
    size, pixels = dataset.rule.image_size, dataset.rule.image_size**2
    return {
        "frames": ("|u1", (3, size, size)),
        "masks": ("|u1", (pixels if _semantic(dataset) else -(-pixels // 8),)),
        "patches": ("<f4", (1, PATCH_FRAMES, BANDS)),
    }


def rows_of(dataset: AVSBenchDataset, index: int, clip: Clip) -> dict[str, npt.NDArray[Any]]:
    """What exists of a clip: no padding, no mask of a frame without label; the pixels of two classes as bits."""
    seconds = dataset.seconds(index)
    masks = clip.masks[0, : labelled(dataset, index)].flatten(1).numpy()
    return {
        "frames": clip.frames[0, :seconds].numpy(),
        "masks": masks if _semantic(dataset) else np.packbits(masks, axis=1),
        "patches": clip.sound[0, :seconds].numpy(),
    }


def labelled(dataset: AVSBenchDataset, index: int) -> int:
    """How many of the clip's first frames have a mask."""
    return len(dataset.layout.masks(dataset.entries[index]))


def _semantic(dataset: AVSBenchDataset) -> bool:
    return dataset.setting.semantic


def starts(counts: list[int]) -> list[int]:
    """Where the rows of each clip begin when clips have so many rows."""
    return [0, *np.cumsum(counts).tolist()]
