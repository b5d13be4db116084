"""Moving pictures of objects in front of a background, with exact masks of what is visible of each object."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PATHS = ("linear", "sine", "still")
_MARGIN = 0.14
_LEAST_VISIBLE = 0.35
_MOST_TRIES = 60


@dataclass(frozen=True)
class Pose:
    """Where an object is: centre (x, y) and longer side as shares of the picture's side; angle in radians."""

    x: float
    y: float
    size: float
    angle: float


@dataclass(frozen=True)
class Motion:
    """How an object moves, scales and turns.

    Attributes:
        path: "linear" (bounces off the borders), "sine" (swings around its start) or "still".
        start: (x, y) in [0, 1].
        velocity: linear: shares of the picture per second; sine: amplitude in x and y.
        rate: swings per second.
        phase: in [0, 2 pi).
        size: mean longer side, share of the picture's side.
        size_swing: relative change of the size.
        angle_swing: largest turn in radians.
    """

    path: str
    start: tuple[float, float]
    velocity: tuple[float, float]
    rate: float
    phase: float
    size: float
    size_swing: float
    angle_swing: float

    def at(self, time: float) -> Pose:
        """The pose after `time` seconds."""
        swing = math.sin(2 * math.pi * self.rate * time + self.phase)
        shift = {"linear": time, "sine": swing, "still": 0.0}[self.path]
        x, y = (_bounce(start + step * shift) for start, step in zip(self.start, self.velocity, strict=True))
        return Pose(x, y, self.size * (1 + self.size_swing * swing), self.angle_swing * swing)


@dataclass(frozen=True)
class SceneObject:
    """An object of a scene.

    Attributes:
        sprite: (h, w, 4) uint8 RGBA.
        motion: how it moves.
        depth: 0 is nearest; no two objects share a depth.
    """

    sprite: NDArray[np.uint8]
    motion: Motion
    depth: int


@dataclass(frozen=True)
class Rendering:
    """The pictures of a scene.

    Attributes:
        frames: (T, H, W, 3) uint8.
        visible: (T, N, H, W) bool: the pixels in which object n is what one sees; no two objects share one.
        whole: (T, N) number of pixels that object n would show if nothing stood before it.
    """

    frames: NDArray[np.uint8]
    visible: NDArray[np.bool_]
    whole: NDArray[np.int64]


def draw_motion(rng: np.random.Generator, sizes: tuple[float, float]) -> Motion:
    """Draws a motion; `sizes` bounds the mean size."""
    angle, speed = rng.uniform(0, 2 * math.pi), rng.uniform(0.06, 0.2)
    low, high = _MARGIN, 1 - _MARGIN
    return Motion(
        path=PATHS[int(rng.choice(3, p=(0.45, 0.4, 0.15)))],
        start=(rng.uniform(low, high), rng.uniform(low, high)),
        velocity=(speed * math.cos(angle), speed * math.sin(angle)),
        rate=rng.uniform(0.15, 0.5),
        phase=rng.uniform(0, 2 * math.pi),
        size=rng.uniform(*sizes),
        size_swing=rng.uniform(0.0, 0.12),
        angle_swing=rng.uniform(0.0, 0.3),
    )


def draw_scene(
    rng: np.random.Generator,
    sprites: Sequence[NDArray[np.uint8]],
    background: NDArray[np.uint8],
    times: Sequence[float],
    sizes: tuple[float, float],
) -> tuple[list[SceneObject], Rendering]:
    """Draws motions and a depth order in which every object shows at least 35 % of itself in every frame.

    Overlaps are welcome, full covers are not: a hidden object would sound without a mask. The rule treats all objects
    alike and does not know who sounds. When chance gives no such scene in 60 tries, the last one is taken.

    Args:
        rng: draws the scene.
        sprites: N pictures (h, w, 4).
        background: (H, W, 3).
        times: T moments in seconds.
        sizes: smallest and largest mean size of an object, shares of the picture's side.
    """
    for _ in range(_MOST_TRIES):
        order = rng.permutation(len(sprites))
        objects = [
            SceneObject(sprite, draw_motion(rng, sizes), int(depth))
            for sprite, depth in zip(sprites, order, strict=True)
        ]
        rendering = render(objects, background, times)
        if (rendering.visible.sum(axis=(2, 3)) >= _LEAST_VISIBLE * rendering.whole).all():
            break
    return objects, rendering


def render(objects: Sequence[SceneObject], background: NDArray[np.uint8], times: Sequence[float]) -> Rendering:
    """Draws the objects from the farthest to the nearest; a pixel belongs to the nearest object that fills half of it.

    Args:
        objects: N objects.
        background: (H, W, 3) with H = W.
        times: T moments in seconds.
    """
    side = background.shape[0]
    frames = np.repeat(background[None].astype(np.float32), len(times), axis=0)
    visible = np.zeros((len(times), len(objects), side, side), dtype=np.bool_)
    whole = np.zeros((len(times), len(objects)), dtype=np.int64)
    for n, item in sorted(enumerate(objects), key=lambda pair: -pair[1].depth):
        sprite = _shrink(item, side)
        for t, time in enumerate(times):
            layer = place(sprite, item.motion.at(time), side).astype(np.float32)
            alpha = layer[..., 3:] / 255
            frames[t] = frames[t] * (1 - alpha) + layer[..., :3] * alpha
            solid = alpha[..., 0] >= 0.5
            visible[t, :, solid] = False
            visible[t, n] = solid
            whole[t, n] = solid.sum()
    return Rendering(np.rint(frames).astype(np.uint8), visible, whole)


def place(sprite: Image.Image, pose: Pose, side: int) -> NDArray[np.uint8]:
    """The sprite in an otherwise clear picture.

    Returns:
        (side, side, 4) uint8 RGBA.
    """
    scale = max(sprite.size) / (pose.size * side)  # sprite pixels per picture pixel
    cos, sin = math.cos(pose.angle) * scale, math.sin(pose.angle) * scale
    x, y = pose.x * side, pose.y * side
    half_w, half_h = sprite.width / 2, sprite.height / 2
    back = (cos, sin, half_w - cos * x - sin * y, -sin, cos, half_h + sin * x - cos * y)
    return np.asarray(sprite.transform((side, side), Image.Transform.AFFINE, back, Image.Resampling.BICUBIC))


def _shrink(item: SceneObject, side: int) -> Image.Image:
    """The sprite, not larger than it will ever be shown: placing then needs no smoothing."""
    sprite = Image.fromarray(item.sprite)
    longest = math.ceil(item.motion.size * (1 + item.motion.size_swing) * side)
    factor = min(1.0, longest / max(sprite.size))
    shape = (max(1, round(sprite.width * factor)), max(1, round(sprite.height * factor)))
    shrunk = sprite.resize(shape, Image.Resampling.LANCZOS)
    padded = Image.new("RGBA", (shape[0] + 2, shape[1] + 2))  # a clear border lets the edges be smooth
    padded.paste(shrunk, (1, 1))
    return padded


def _bounce(value: float) -> float:
    """Folds a coordinate back into the picture, as by mirrors at the margins."""
    span = 1 - 2 * _MARGIN
    folded = (value - _MARGIN) % (2 * span)
    return _MARGIN + min(folded, 2 * span - folded)
