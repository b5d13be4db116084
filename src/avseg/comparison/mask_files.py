"""Read the masks of other programs: palette, black-and-white, grey and colour PNG (8 or 16 bit), npz and npy arrays."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from avseg.media.images import open_image
from avseg.utils.errors import UserError

SUFFIXES = (".png", ".npz", ".npy")
_KEYS = ("probability", "probabilities", "masks", "mask", "arr_0")  # of a npz file with several arrays


@dataclass
class Levels:
    """The distinct values of the files of a folder: two or fewer mean hard masks, whatever their coding."""

    soft: bool = False  # values that no hard mask has
    value: float = 0.0  # the non-zero value, if there is one

    def add(self, values: np.ndarray) -> None:
        """Add the raw values of a file."""
        if self.soft or values.dtype == np.bool_:
            return
        highest = float(values.max(initial=0))
        if highest == 0:
            return
        # all others are 0 or the highest; the files agree on it
        hard = bool(((values == 0) | (values == highest)).all()) and self.value in (0.0, highest)
        if values.dtype.kind == "f" and highest != 1:
            hard = False
        self.soft = not hard
        self.value = highest


def read_values(path: Path) -> np.ndarray:
    """Read the raw values of a mask (h, w), or of the masks of a clip (T, h, w): bool, uint8, uint16 or float32.

    A palette or colour image is grey where all its colours are; otherwise every colour but black is sounding.

    Raises:
        UserError: the file is missing, damaged, or holds something else.
    """
    values = _image_values(open_image(path, "mask")) if path.suffix == ".png" else _array_values(path)
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise UserError(f"{path} holds values outside of 0 to 1; write probabilities")
    return values


def to_probability(values: np.ndarray, soft: bool) -> np.ndarray:
    """Convert raw values to float32 in [0, 1]: of soft maps by the range of their type, of hard masks 0 or 1."""
    if not soft or values.dtype == np.bool_:
        return np.array(values != 0, dtype=np.float32)
    numbers: np.ndarray = values.astype(np.float32)
    return numbers if values.dtype.kind == "f" else numbers / np.float32(np.iinfo(values.dtype).max)


def fit(probability: np.ndarray, height: int, width: int, soft: bool) -> np.ndarray:
    """Resize a map (h, w) to (height, width): soft ones bilinear, hard ones nearest neighbour like the truth."""
    if probability.shape == (height, width):
        return probability
    resample = Image.Resampling.BILINEAR if soft else Image.Resampling.NEAREST
    resized = Image.fromarray(probability.astype(np.float32)).resize((width, height), resample)
    result: np.ndarray = np.asarray(resized).clip(0, 1)
    return result


def _image_values(image: Image.Image) -> np.ndarray:
    if image.mode == "1":
        return np.array(image, dtype=np.bool_)
    if image.mode.startswith("I"):  # 16 bit; PIL's name for it depends on its version
        return np.array(image, dtype=np.uint16)
    if image.mode in ("L", "LA"):
        return np.array(image.getchannel(0), dtype=np.uint8)
    if image.mode == "P" and not any(image.getpalette() or ()):  # a palette without colours
        return np.array(np.array(image) != 0)
    colours = np.array(image.convert("RGB"))
    marked = np.array(colours.any(-1))
    grey: np.ndarray = colours[..., 0]
    return grey if (colours == colours[..., :1]).all() else marked


def _array_values(path: Path) -> np.ndarray:
    if not path.is_file():
        raise UserError(f"{path} is missing; masks are expected there")
    try:
        array: Any = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            with array as archive:
                names = [name for name in _KEYS if name in archive.files] or archive.files
                array = archive[names[0]]
    except (OSError, ValueError, EOFError, IndexError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable array ({error})") from error
    if array.ndim == 4 and 1 in (array.shape[1], array.shape[3]):
        array = array[:, 0] if array.shape[1] == 1 else array[..., 0]
    if array.ndim not in (2, 3):
        raise UserError(f"{path} holds an array of shape {array.shape}; write (T, h, w) or (h, w)")
    if array.dtype.kind == "f":
        return np.array(array, dtype=np.float32)
    return np.array(array if array.dtype in (np.bool_, np.uint8, np.uint16) else array != 0)
