"""Read frames and masks from image files into tensors of one size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from avseg.utils.errors import UserError

# exceptions that PIL raises for damaged files
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)


class ImageRule(Protocol):
    """A data set's rule for resizing its images and for interpreting the values of its masks."""

    @property
    def image_size(self) -> int:
        """Side S of frames in pixels."""

    @property
    def mask_size(self) -> int:
        """Side M of masks in pixels, S in training."""

    def fit(self, image: Image.Image, resample: Image.Resampling) -> Image.Image:
        """Bring a frame to S x S."""

    def fit_mask(self, mask: Image.Image) -> Image.Image:
        """Bring a mask to M x M, nearest neighbour."""

    def labels(self, mask: Image.Image) -> npt.NDArray[np.uint8]:
        """Return the class indices (M, M) of a decoded mask: 1 = sounding (AVSS: the class)."""


def open_image(path: Path, role: str = "frame") -> Image.Image:
    """Decode an image in the mode of its file; `role` is the noun for it in messages.

    Raises:
        UserError: the file is missing, empty, truncated or not an image.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; a {role} is expected there")
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except _DAMAGED as error:
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
        raise UserError(f"{path} is not a readable {role} ({reason}); fetch or extract it again") from error


def squash(image: Image.Image, size: int, resample: Image.Resampling) -> Image.Image:
    """Resize to `size` x `size` without keeping the aspect ratio; PIL's bilinear filter averages when it shrinks."""
    return image if image.size == (size, size) else image.resize((size, size), resample)


def read_frames(paths: Sequence[Path], rule: ImageRule) -> tuple[Tensor, list[tuple[int, int]]]:
    """Read T frames (T, 3, S, S) uint8 RGB and their sizes on disk (width, height); raises like `open_image`."""
    frames = torch.empty(len(paths), 3, rule.image_size, rule.image_size, dtype=torch.uint8)
    sizes = []
    for frame, path in zip(frames, paths, strict=True):
        image = open_image(path)
        sizes.append(image.size)
        pixels = np.array(rule.fit(image.convert("RGB"), Image.Resampling.BILINEAR))
        frame.copy_(torch.from_numpy(pixels).permute(2, 0, 1))  # (S, S, 3) -> (3, S, S)
    return frames, sizes


def read_masks(paths: Sequence[Path], rule: ImageRule, sizes: Sequence[tuple[int, int]]) -> Tensor:
    """Read the masks of a clip's first frames as class indices (n, M, M) uint8; they must have the frames' `sizes`."""
    masks = torch.empty(len(paths), rule.mask_size, rule.mask_size, dtype=torch.uint8)
    for mask, path, (width, height) in zip(masks, paths, sizes, strict=False):
        image = open_image(path, "mask")
        if image.size != (width, height):
            raise UserError(
                f"{path} is {image.width} x {image.height}, but its frame is {width} x {height}; "
                "mask and frame must have the same size"
            )
        mask.copy_(torch.from_numpy(rule.labels(rule.fit_mask(image))))
    return masks
