"""Appearance of toy objects: a class is a shape in a hue, and each class has look-alikes with another sound.

The classes form a cycle: each shares its shape with one neighbour and its hue with the other, so neither the shape nor
the hue alone determines the sound.
"""

import colorsys
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from avseg.utils.errors import UserError

MIN_CLASSES, MAX_CLASSES = 6, 12
SPRITE_SIZE = 96  # pixels
_SUPERSAMPLING = 4
_HUES = (("red", 0.0), ("green", 0.33), ("blue", 0.62), ("yellow", 0.15), ("magenta", 0.84), ("cyan", 0.5))
_SHAPES = ("disk", "triangle", "cross", "square", "star", "ring")


@dataclass(frozen=True)
class ToyClass:
    """A class of toy objects."""

    index: int  # position in the cycle of classes; also selects the sound
    shape: str  # outline, e.g. "disk"
    colour: str
    hue: float  # in [0, 1)

    @property
    def name(self) -> str:
        """Category, e.g. "red_disk"."""
        return f"{self.colour}_{self.shape}"


def make_classes(count: int) -> list[ToyClass]:
    """Return the cycle of `count` classes; 6 to 12 are allowed."""
    if not MIN_CLASSES <= count <= MAX_CLASSES:
        raise UserError(f"kinds is {count}; allowed: {MIN_CLASSES} to {MAX_CLASSES}")
    num_hues = (count + 1) // 2
    # shapes change at even, hues at odd positions of the cycle
    return [ToyClass(i, _SHAPES[i // 2], *_HUES[(i + 1) // 2 % num_hues]) for i in range(count)]


def look_alikes(toy_class: ToyClass, classes: list[ToyClass]) -> list[ToyClass]:
    """Return the different classes of the same shape or the same hue."""
    alike = []
    for candidate in classes:
        if candidate != toy_class and (candidate.shape == toy_class.shape or candidate.hue == toy_class.hue):
            alike.append(candidate)
    return alike


def draw_sprite(toy_class: ToyClass, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw an object with random hue, brightness and shading, (96, 96, 4) uint8 RGBA; the shape touches the borders."""
    size = SPRITE_SIZE * _SUPERSAMPLING
    outline = Image.new("L", (size, size))
    _draw_outline(ImageDraw.Draw(outline), toy_class.shape, size)
    # box filter over 4 x 4 samples: smooth edges
    alpha = np.asarray(outline.resize((SPRITE_SIZE, SPRITE_SIZE), Image.Resampling.BOX))
    hue = (toy_class.hue + rng.uniform(-0.025, 0.025)) % 1.0
    colour = np.array(colorsys.hsv_to_rgb(hue, rng.uniform(0.8, 1.0), rng.uniform(0.75, 1.0)))
    rgb = colour * _shading(rng)[..., None] * 255  # (96, 96, 3)
    return np.dstack([np.clip(rgb, 0, 255).astype(np.uint8), alpha])


def _shading(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw light that falls off in a random direction, (96, 96) in about [0.6, 1]."""
    y, x = np.mgrid[-1 : 1 : SPRITE_SIZE * 1j, -1 : 1 : SPRITE_SIZE * 1j]
    angle = rng.uniform(0, 2 * math.pi)
    return np.asarray(0.82 + 0.14 * (x * math.cos(angle) + y * math.sin(angle)))


def _draw_outline(pen: ImageDraw.ImageDraw, shape: str, size: int) -> None:
    """Fill a shape in a square of `size` pixels."""
    if shape not in _CORNERS:
        pen.ellipse((0, 0, size - 1, size - 1), fill=255)
        if shape == "ring":
            pen.ellipse((size * 0.3, size * 0.3, size * 0.7, size * 0.7), fill=0)
        return
    pen.polygon((np.array(_CORNERS[shape]) * size).ravel().tolist(), fill=255)  # x, y, x, y, ...


def _star_corners(points: int = 5, inner: float = 0.48) -> list[tuple[float, float]]:
    corners = []
    for i in range(2 * points):
        radius = 0.5 * (inner if i % 2 else 1.0)
        angle = math.pi * i / points
        corners.append((0.5 + radius * math.sin(angle), 0.5 - radius * math.cos(angle)))
    return corners


_A, _B = 0.31, 0.69  # borders of the arms of the cross
# corners in shares of the side; disk and ring are ellipses
_CORNERS = {
    "square": [(0.06, 0.06), (0.94, 0.06), (0.94, 0.94), (0.06, 0.94)],
    "triangle": [(0.5, 0.02), (1.0, 0.92), (0.0, 0.92)],
    "cross": [
        (_A, 0), (_B, 0), (_B, _A), (1, _A), (1, _B), (_B, _B), (_B, 1), (_A, 1), (_A, _B), (0, _B), (0, _A), (_A, _A),
    ],
    "star": _star_corners(),
}  # fmt: skip
