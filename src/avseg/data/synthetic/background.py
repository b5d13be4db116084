"""What lies behind the objects of a made clip: a drawn texture, or a photo."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from avseg.utils.errors import UserError

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def draw_background(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """A pale colour gradient with soft noise at several scales.

    Returns:
        (size, size, 3) uint8.
    """
    corners = _pale_colours(rng, 4).reshape(2, 2, 3)
    picture = _enlarge(corners, size, Image.Resampling.BILINEAR)
    for cells, strength in ((4, 18.0), (9, 12.0), (21, 8.0)):
        picture += _enlarge(rng.normal(0, strength, (cells, cells, 1)), size, Image.Resampling.BICUBIC)
    picture += rng.normal(0, 3.0, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def find_photos(folder: Path) -> list[Path]:
    """The pictures in a folder, in order of their names.

    Raises:
        UserError: no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise UserError(f"backgrounds folder {folder} does not exist; leave --backgrounds away for drawn backgrounds")
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    if not photos:
        raise UserError(f"backgrounds folder {folder} holds no picture ({', '.join(PHOTO_SUFFIXES)})")
    return photos


def photo_background(folder: Path) -> Callable[[np.random.Generator, int], NDArray[np.uint8]]:
    """Draws backgrounds from the photos in a folder.

    Raises:
        UserError: see `find_photos`; on drawing, see `crop_photo`.
    """
    photos = find_photos(folder)
    return lambda rng, size: crop_photo(photos[int(rng.integers(len(photos)))], rng, size)


def crop_photo(path: Path, rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """A random square of a photo, between 60 % of its short side and all of it, (size, size, 3) uint8.

    Raises:
        UserError: not a readable picture.
    """
    try:
        with Image.open(path) as file:
            photo = file.convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise UserError(f"{path} is not a readable picture ({error}); remove it or put a whole one there") from error
    side = max(1, int(min(photo.size) * rng.uniform(0.6, 1.0)))
    left, top = (int(rng.integers(0, length - side + 1)) for length in photo.size)
    square = photo.resize((size, size), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))
    return np.asarray(square)


def _pale_colours(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """(count, 3) colours of low saturation, around one common brightness."""
    grey = rng.uniform(70, 190) + rng.normal(0, 18, (count, 1))
    return np.asarray(grey + rng.normal(0, 12, (count, 3)))


def _enlarge(grid: NDArray[np.float64], size: int, how: Image.Resampling) -> NDArray[np.float64]:
    """Stretches (h, w, c) to (size, size, c)."""
    planes = [Image.fromarray(grid[..., i].astype(np.float32)).resize((size, size), how) for i in range(grid.shape[2])]
    return np.dstack([np.asarray(plane, dtype=np.float64) for plane in planes])
