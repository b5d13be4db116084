"""Composed films with exact masks, for the benchmarks of the annotation tool: real cut-outs over a background."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avseg.annotate.protocols import Image, Mask
from avseg.data.synthetic.background import draw_background, photo_background
from avseg.data.synthetic.composer import read_sprite
from avseg.data.synthetic.renderer import Motion, SceneObject, draw_objects, render_scene

RATE = 10  # frames per second
SIZES = (0.25, 0.45)  # mean longer side of an object, as share of the width
MIN_VISIBLE = 0.5  # of the object or its part, in every frame
MAX_TRIES = 60
HALVES = 2026  # seed of the division of the cut-outs into halves
PART = 0.35  # of the height of the cut-out, from the top


@dataclass(frozen=True)
class Film:
    """Frames (T, H, W, 3) and the exact masks of one object, (T, H, W)."""

    name: str
    pictures: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.bool_]

    def image(self, frame: int) -> Image:
        """Return a frame, (H, W, 3)."""
        return np.asarray(self.pictures[frame])

    def mask(self, frame: int) -> Mask:
        """Return the exact mask of a frame, (H, W)."""
        return np.asarray(self.masks[frame])

    def __len__(self) -> int:
        return len(self.pictures)


@dataclass(frozen=True)
class Studio:
    """Composes films from a folder of cut-outs (`avseg data cutouts`)."""

    cutouts: Path
    backgrounds: Path | None = None  # a folder of photos; None draws the backgrounds
    height: int = 360  # pixels; the width is 1.5 times the height
    sizes: tuple[float, float] = SIZES  # of the objects
    rate: float = RATE  # frames per second; objects move farther between the frames of a lower one
    half: int | None = None  # 0 or 1: only one half of the cut-outs; 0 is what the segmenter `light` was fitted to

    @property
    def names(self) -> list[str]:
        """Names of the cut-outs, in alphabetical order."""
        names = sorted(path.stem for path in self.cutouts.glob("*.png"))
        if self.half is None:
            return names
        return sorted(np.array_split(np.random.default_rng(HALVES).permutation(names), 2)[self.half].tolist())

    def film(self, name: str, seed: int, frames: int, part: bool = False, pan: bool = False) -> Film:
        """Compose a film of one to three further objects around the named one.

        With `part`, the mask is only the upper part of the object; with `pan`, the background moves.
        """
        rng = np.random.default_rng([seed, *name.encode()])
        side = self.height * 3 // 2
        times = [frame / self.rate for frame in range(frames)]
        background = self._background(rng, 2 * side if pan else side)
        top = (side - self.height) // 2
        rows = slice(top, top + self.height)
        probed = times[:: max(len(times) // 4, 1)]
        for _ in range(MAX_TRIES):
            objects = self._objects(rng, name)
            scenery = [_moving(rng, background)] if pan else []
            scene = _Scene([*objects, *scenery], background[:side, :side], rows, part)
            _, masks, area = scene.render(probed)
            if (np.count_nonzero(masks, axis=(1, 2)) >= MIN_VISIBLE * area).all():
                break
        pictures, masks, _ = scene.render(times)
        return Film(name, pictures, masks)

    def _background(self, rng: np.random.Generator, side: int) -> Image:
        draw = draw_background if self.backgrounds is None else photo_background(self.backgrounds)
        return draw(rng, side)

    def _objects(self, rng: np.random.Generator, name: str) -> list[SceneObject]:
        others = rng.choice([other for other in self.names if other != name], int(rng.integers(1, 4)), replace=False)
        sprites = []
        for stem in (name, *others):
            sprite = read_sprite(self.cutouts / f"{stem}.png")
            sprites.append(sprite[:, ::-1].copy() if rng.uniform() < 0.5 else sprite)
        return draw_objects(rng, sprites, self.sizes)


@dataclass(frozen=True)
class _Scene:
    """Objects in front of a square background; the first one has the masks, or its upper part."""

    objects: Sequence[SceneObject]
    background: Image
    rows: slice  # of the square that the film shows
    part: bool

    def render(
        self, times: Sequence[float]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """Return frames (T, H, W, 3), masks (T, H, W), and the area of each mask without occlusion, (T,)."""
        rendering = render_scene(self.objects, self.background, times)
        masks, area = rendering.visible[:, 0], rendering.full_area[:, 0]
        if self.part:
            alone = render_scene([_upper_part(self.objects[0])], self.background, times)
            masks, area = masks & alone.visible[:, 0], alone.full_area[:, 0]
        return rendering.frames[:, self.rows].copy(), masks[:, self.rows].copy(), area


def iou(a: Mask, b: Mask) -> float:
    """Compute the intersection over union of two masks."""
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def mean(values: Sequence[float]) -> float:
    """Compute the mean, NaN without values."""
    return float(np.mean(values)) if len(values) else float("nan")


def _moving(rng: np.random.Generator, background: Image) -> SceneObject:
    """Turn a background of twice the side into scenery that moves behind all objects."""
    sprite = np.dstack([background, np.full(background.shape[:2], 255, np.uint8)])
    velocity = (float(rng.uniform(-0.06, 0.06)), float(rng.uniform(-0.04, 0.04)))
    motion = Motion("sine", (0.5, 0.5), velocity, 0.25, float(rng.uniform(0, 6.28)), 2.0, 0.0, 0.0)
    return SceneObject(sprite, motion, depth=99)


def _upper_part(scene_object: SceneObject) -> SceneObject:
    """Make everything but the upper part of an object transparent."""
    sprite = scene_object.sprite.copy()
    sprite[round(PART * len(sprite)) :, :, 3] = 0
    return SceneObject(sprite, scene_object.motion, scene_object.depth)
