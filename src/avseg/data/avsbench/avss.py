"""The pictures of AVSBench-semantic: frames of any size, masks with one colour per class."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from avseg.data.palette import AVSS_CLASSES, Stray, class_indices
from avseg.media.images import squash
from avseg.utils.errors import UserError


@dataclass(frozen=True)
class SemanticPictures:
    """Training: short side to the size, then the centre crop. Validation and test: squashed, as the official reader.

    Attributes:
        image_size: side in pixels.
        classes: number of classes, background included.
        crop: True for training.
        stray: what to do with colours of no class, see `palette.class_indices`.
    """

    image_size: int
    classes: int
    crop: bool
    stray: Stray = "background"

    def fit(self, picture: Image.Image, resample: Image.Resampling) -> Image.Image:
        """The picture at `image_size` x `image_size`."""
        return (
            centre_crop(picture, self.image_size, resample) if self.crop else squash(picture, self.image_size, resample)
        )

    def fit_mask(self, mask: Image.Image) -> Image.Image:
        """The mask at `image_size` x `image_size`, nearest neighbour."""
        return self.fit(mask.convert("RGB"), Image.Resampling.NEAREST)

    def labels(self, mask: Image.Image) -> npt.NDArray[np.uint8]:
        """(H, W) class indices."""
        return class_indices(np.asarray(mask.convert("RGB")), self.classes, self.stray)


def centre_crop(picture: Image.Image, size: int, resample: Image.Resampling) -> Image.Image:
    """The short side brought to `size`, then the central square."""
    width, height = picture.size
    if width > height:
        width, height = int(width * size / height), size
    else:
        width, height = size, int(height * size / width)
    picture = picture.resize((width, height), resample)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return picture.crop((left, top, left + size, top + size))


def read_class_names(file: Path) -> tuple[str, ...]:
    """The class names of `label2idx.json` in the order of their indices.

    Raises:
        UserError: missing, not a json of name -> index, or the indices are not 0, 1, 2, ...
    """
    if not file.is_file():
        raise UserError(f"{file} is missing; the class names of AVSS are expected there")
    try:
        table = {str(name): int(index) for name, index in json.loads(file.read_text(encoding="utf-8")).items()}
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise UserError(f"{file} is not a json of class name -> index ({error}); fetch it again") from error
    if not 2 <= len(table) <= AVSS_CLASSES or sorted(table.values()) != list(range(len(table))):
        raise UserError(f"{file}: the class indices must be 0, 1, 2, ... without gaps, at most {AVSS_CLASSES}")
    return tuple(sorted(table, key=table.__getitem__))
