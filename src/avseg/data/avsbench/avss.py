"""The images of AVSBench-semantic: frames of any size, masks with one colour per class."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from avseg.data.avsbench.layout import Layout
from avseg.data.palette import AVSS_CLASSES, Stray, class_indices
from avseg.media.images import squash
from avseg.utils.errors import UserError


@dataclass(frozen=True)
class SemanticImages:
    """The image rule of AVSS, as in the official reader.

    Training: short side to the size, then the centre crop. Validation and test: squashed.
    """

    image_size: int  # side in pixels
    classes: int  # number of classes, background included
    crop: bool  # True for training
    mask_size: int  # of masks
    stray: Stray = "background"  # how to treat colours of no class, see `palette.class_indices`

    def fit(self, image: Image.Image, resample: Image.Resampling) -> Image.Image:
        """Bring an image to `image_size` x `image_size`."""
        return self._fit(image, self.image_size, resample)

    def fit_mask(self, mask: Image.Image) -> Image.Image:
        """Bring a mask to `mask_size` x `mask_size`, nearest neighbour."""
        # a palette image would be resized by index otherwise
        return self._fit(mask.convert("RGB"), self.mask_size, Image.Resampling.NEAREST)

    def _fit(self, image: Image.Image, size: int, resample: Image.Resampling) -> Image.Image:
        return centre_crop(image, size, resample) if self.crop else squash(image, size, resample)

    def labels(self, mask: Image.Image) -> npt.NDArray[np.uint8]:
        """Return the class indices (H, W)."""
        rgb = np.asarray(mask.convert("RGB"))  # (H, W, 3)
        return class_indices(rgb, self.classes, self.stray)


def centre_crop(image: Image.Image, size: int, resample: Image.Resampling) -> Image.Image:
    """Resize the short side to `size`, then cut out the central square."""
    width, height = image.size
    # rounded down like the official reader, so that crops agree to the pixel
    if width > height:
        width, height = int(width * size / height), size
    else:
        width, height = size, int(height * size / width)
    image = image.resize((width, height), resample)
    left = round((width - size) / 2)
    top = round((height - size) / 2)
    return image.crop((left, top, left + size, top + size))


def class_names(layout: Layout) -> tuple[str, ...]:
    """Return the class names of AVSS by index, background first; () for the other settings."""
    return () if layout.label_file is None else read_class_names(layout.label_file)


def read_class_names(file: Path) -> tuple[str, ...]:
    """Read the class names of `label2idx.json` in the order of their indices, which are also those of the palette.

    The released file counts from 1 (background 1 to woman 71), others from 0; both are read.

    Raises:
        UserError: missing, not a json of name -> index, or the indices have gaps.
    """
    if not file.is_file():
        raise UserError(f"{file} is missing; the class names of AVSS are expected there")
    try:
        table = {str(name): int(index) for name, index in json.loads(file.read_text(encoding="utf-8")).items()}
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise UserError(f"{file} is not a json of class name -> index ({error}); fetch it again") from error
    indices = sorted(table.values())
    if not 2 <= len(table) <= AVSS_CLASSES or indices not in (list(range(len(table))), list(range(1, len(table) + 1))):
        raise UserError(
            f"{file}: the class indices must count from 1 (as released) or from 0 without gaps, {AVSS_CLASSES} at most"
        )
    return tuple(sorted(table, key=table.__getitem__))


def label_table(names: Sequence[str]) -> dict[str, int]:
    """Make the content of `label2idx.json` as released: 71 names, counted from 1, the background first.

    The official reader demands 71; classes beyond `names` are called "unused_9" and so on, by their index.
    """
    unused = [f"unused_{index}" for index in range(len(names), AVSS_CLASSES)]
    return {name: number for number, name in enumerate([*names, *unused], start=1)}
