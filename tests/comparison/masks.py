"""Mask folders as other programs write them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from avseg.data.avsbench.layout import Layout

Paint = Callable[[int, int], np.ndarray]  # clip and frame -> (h, w) in [0, 1]


def truth(layout: Layout, split: str = "test") -> list[list[np.ndarray]]:
    """The true masks (h, w) float by clip and frame."""
    masks = []
    for entry in layout.entries(split):
        masks.append([np.asarray(Image.open(path)).astype(float) > 0 for path in layout.masks(entry)])
    return masks


def noisy(layout: Layout, seed: int, split: str = "test") -> list[list[np.ndarray]]:
    """Soft maps (h, w) float32 around the truth."""
    rng = np.random.default_rng(seed)
    soft = []
    for frames in truth(layout, split):
        soft.append([(0.7 * mask + 0.3 * rng.random(mask.shape)).astype(np.float32) for mask in frames])
    return soft


def save_palette(path: Path, mask: np.ndarray, *, background_last: bool = False) -> None:
    """A palette PNG; with `background_last` index 0 is the object and 1 the background, as some encoders choose."""
    indices = (~mask if background_last else mask).astype(np.uint8)
    image = Image.fromarray(indices).copy()
    image = Image.frombytes("P", image.size, indices.tobytes())
    colours = [(0, 0, 0), (200, 30, 40)]
    image.putpalette([value for colour in (colours[::-1] if background_last else colours) for value in colour])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def save_grey(path: Path, probability: np.ndarray, bits: int = 8) -> None:
    """A soft map as a grey PNG of 8 or 16 bit."""
    kind = np.uint8 if bits == 8 else np.uint16
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.round(probability.astype(float) * np.iinfo(kind).max).astype(kind)).save(path)
