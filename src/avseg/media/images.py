"""Frames and masks from picture files to tensors of one size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from avseg.utils.errors import UserError

# what PIL raises for damaged files, besides OSError
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)


class PictureRule(Protocol):
    """How one data set brings its pictures to their final size, and what the values of its masks mean."""

    @property
    def image_size(self) -> int:
        """Side of frames and masks in pixels."""

    def fit(self, picture: Image.Image, resample: Image.Resampling) -> Image.Image:
        """The picture at `image_size` x `image_size`."""

    def labels(self, mask: Image.Image) -> npt.NDArray[np.uint8]:
        """(H, W) class indices of a decoded mask: 1 = sounding (AVSS: the class)."""

    def fit_mask(self, mask: Image.Image) -> Image.Image:
        """The mask at `image_size` x `image_size`, nearest neighbour."""


def open_picture(path: Path, what: str = "frame") -> Image.Image:
    """A decoded picture in the mode of its file.

    Args:
        path: any format that PIL reads.
        what: the word for it in messages.

    Raises:
        UserError: the file is missing, empty, truncated or no picture.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; a {what} is expected there")
    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except _DAMAGED as error:
        reason = "no picture" if isinstance(error, UnidentifiedImageError) else str(error)
        raise UserError(f"{path} is not a readable {what} ({reason}); fetch or extract it again") from error


def squash(picture: Image.Image, size: int, resample: Image.Resampling) -> Image.Image:
    """The whole picture at `size` x `size`, whatever its shape; PIL's bilinear filter averages when it shrinks."""
    return picture if picture.size == (size, size) else picture.resize((size, size), resample)


def read_frames(paths: Sequence[Path], rule: PictureRule) -> tuple[Tensor, list[tuple[int, int]]]:
    """Reads frames.

    Returns:
        frames (T, 3, S, S) uint8 RGB; their sizes on disk (width, height).

    Raises:
        UserError: see `open_picture`.
    """
    frames = torch.empty(len(paths), 3, rule.image_size, rule.image_size, dtype=torch.uint8)
    sizes = []
    for frame, path in zip(frames, paths, strict=True):
        picture = open_picture(path)
        sizes.append(picture.size)
        pixels = np.array(rule.fit(picture.convert("RGB"), Image.Resampling.BILINEAR))
        frame.copy_(torch.from_numpy(pixels).permute(2, 0, 1))
    return frames, sizes


def read_masks(paths: Sequence[Path], rule: PictureRule, sizes: Sequence[tuple[int, int]]) -> Tensor:
    """Reads masks.

    Args:
        paths: the masks of the clip's first frames.
        rule: the data set's.
        sizes: (width, height) of the frames on disk.

    Returns:
        (len(paths), S, S) uint8 class indices.

    Raises:
        UserError: see `open_picture`; a mask of another size than its frame.
    """
    masks = torch.empty(len(paths), rule.image_size, rule.image_size, dtype=torch.uint8)
    for mask, path, (width, height) in zip(masks, paths, sizes, strict=False):
        picture = open_picture(path, "mask")
        if picture.size != (width, height):
            raise UserError(
                f"{path} is {picture.width} x {picture.height}, but its frame is {width} x {height}; "
                "mask and frame must have the same size"
            )
        mask.copy_(torch.from_numpy(rule.labels(rule.fit_mask(picture))))
    return masks
