"""Backgrounds of synthetic clips: a drawn texture, or a crop of a photo."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from avseg.utils.errors import UserError

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
# (cells per side, standard deviation in grey levels): noise of decreasing scale
_NOISE_OCTAVES = ((4, 18.0), (9, 12.0), (21, 8.0))


def draw_background(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Draw a pale colour gradient with soft noise at several scales, (size, size, 3) uint8."""
    corners = _pale_colours(rng, 4).reshape(2, 2, 3)
    image = _upsample(corners, size, Image.Resampling.BILINEAR)  # (size, size, 3)
    for cells, deviation in _NOISE_OCTAVES:
        image += _upsample(rng.normal(0, deviation, (cells, cells, 1)), size, Image.Resampling.BICUBIC)
    image += rng.normal(0, 3.0, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def photo_background(folder: Path) -> Callable[[np.random.Generator, int], NDArray[np.uint8]]:
    """Return a function that crops backgrounds from the photos below a folder; raises `UserError` without any."""
    if not folder.is_dir():
        raise UserError(f"backgrounds folder {folder} does not exist; omit --backgrounds for drawn backgrounds")
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    if not photos:
        raise UserError(f"backgrounds folder {folder} contains no image ({', '.join(PHOTO_SUFFIXES)})")
    return lambda rng, size: crop_photo(photos[int(rng.integers(len(photos)))], rng, size)


def crop_photo(path: Path, rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Crop a random square of 60 to 100 % of a photo's short side and resize it to (size, size, 3) uint8.

    Raises:
        UserError: the file is not a readable image.
    """
    try:
        with Image.open(path) as file:
            photo = file.convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise UserError(f"{path} is not a readable image ({error}); remove or replace it") from error
    side = max(1, int(min(photo.size) * rng.uniform(0.6, 1.0)))
    left = int(rng.integers(0, photo.width - side + 1))
    top = int(rng.integers(0, photo.height - side + 1))
    square = photo.resize((size, size), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))
    return np.asarray(square)


def _pale_colours(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw (count, 3) colours of low saturation around one brightness."""
    grey = rng.uniform(70, 190) + rng.normal(0, 18, (count, 1))  # brightness of each colour
    return np.asarray(grey + rng.normal(0, 12, (count, 3)))


def _upsample(grid: NDArray[np.float64], size: int, resampling: Image.Resampling) -> NDArray[np.float64]:
    """Resize (h, w, C) to (size, size, C)."""
    planes = []
    for channel in range(grid.shape[2]):  # PIL resizes float images of one channel only
        plane = Image.fromarray(grid[..., channel].astype(np.float32)).resize((size, size), resampling)
        planes.append(np.asarray(plane, dtype=np.float64))
    return np.dstack(planes)
