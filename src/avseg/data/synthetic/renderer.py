"""Render moving objects in front of a background, with exact masks of the visible pixels of each object."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PATHS = ("linear", "sine", "still")
_MARGIN = 0.14  # of the image side, kept free of object centres
_MIN_VISIBLE = 0.35  # of an object, in every frame
_MAX_TRIES = 60


@dataclass(frozen=True)
class Pose:
    """Pose of an object: centre (x, y) and longer side as shares of the image side; angle in radians."""

    x: float
    y: float
    size: float
    angle: float


@dataclass(frozen=True)
class Motion:
    """Movement, scaling and rotation of an object."""

    path: str  # "linear" (bounces off the borders), "sine" (swings around its start) or "still"
    start: tuple[float, float]  # (x, y) in [0, 1]
    velocity: tuple[float, float]  # linear: image sides per second; sine: amplitude in x and y
    rate: float  # swings per second
    phase: float  # in [0, 2 pi)
    size: float  # mean longer side, as share of the image side
    size_swing: float  # relative change of the size
    angle_swing: float  # largest rotation in radians

    def at(self, time: float) -> Pose:
        """Return the pose after `time` seconds."""
        swing = math.sin(2 * math.pi * self.rate * time + self.phase)
        shift = {"linear": time, "sine": swing, "still": 0.0}[self.path]
        x = _bounce(self.start[0] + self.velocity[0] * shift)
        y = _bounce(self.start[1] + self.velocity[1] * shift)
        return Pose(x, y, self.size * (1 + self.size_swing * swing), self.angle_swing * swing)


@dataclass(frozen=True)
class SceneObject:
    """An object of a scene."""

    sprite: NDArray[np.uint8]  # (h, w, 4) uint8 RGBA
    motion: Motion
    depth: int  # 0 is nearest; unique in the scene


@dataclass(frozen=True)
class Rendering:
    """Rendered frames of a scene with N objects."""

    frames: NDArray[np.uint8]  # (T, H, W, 3) uint8
    visible: NDArray[np.bool_]  # (T, N, H, W) bool: pixels in which object n is the one seen; disjoint
    full_area: NDArray[np.int64]  # (T, N) number of pixels that object n would show without occlusion


def draw_motion(rng: np.random.Generator, sizes: tuple[float, float]) -> Motion:
    """Draw a motion with a mean size between `sizes`."""
    angle = rng.uniform(0, 2 * math.pi)
    speed = rng.uniform(0.06, 0.2)
    return Motion(
        path=PATHS[int(rng.choice(3, p=(0.45, 0.4, 0.15)))],
        start=(rng.uniform(_MARGIN, 1 - _MARGIN), rng.uniform(_MARGIN, 1 - _MARGIN)),
        velocity=(speed * math.cos(angle), speed * math.sin(angle)),
        rate=rng.uniform(0.15, 0.5),
        phase=rng.uniform(0, 2 * math.pi),
        size=rng.uniform(*sizes),
        size_swing=rng.uniform(0.0, 0.12),
        angle_swing=rng.uniform(0.0, 0.3),
    )


def draw_objects(
    rng: np.random.Generator, sprites: Sequence[NDArray[np.uint8]], sizes: tuple[float, float]
) -> list[SceneObject]:
    """Draw a motion for each sprite and a depth order."""
    depths = rng.permutation(len(sprites))
    objects = []
    for sprite, depth in zip(sprites, depths, strict=True):
        objects.append(SceneObject(sprite, draw_motion(rng, sizes), int(depth)))
    return objects


def draw_scene(
    rng: np.random.Generator,
    sprites: Sequence[NDArray[np.uint8]],  # N images (h, w, 4)
    background: NDArray[np.uint8],  # (H, W, 3)
    times: Sequence[float],  # T times in seconds
    sizes: tuple[float, float],  # smallest and largest mean size of an object, as shares of the image side
) -> tuple[list[SceneObject], Rendering]:
    """Draw motions and a depth order in which every object shows at least 35 % of its area in every frame.

    Overlaps are allowed, full occlusion is not: a hidden object would sound without a mask. The rule is the same for
    all objects and independent of the schedule. After 60 unsuccessful tries the last scene is used.
    """
    for _ in range(_MAX_TRIES):
        objects = draw_objects(rng, sprites, sizes)
        rendering = render_scene(objects, background, times)
        if (rendering.visible.sum(axis=(2, 3)) >= _MIN_VISIBLE * rendering.full_area).all():
            break
    return objects, rendering


def render_scene(objects: Sequence[SceneObject], background: NDArray[np.uint8], times: Sequence[float]) -> Rendering:
    """Render from the farthest to the nearest object; a pixel belongs to the nearest object with alpha >= 0.5.

    The background (H, W, 3) is square, as the objects move in shares of its side; `times` are in seconds.
    """
    side = background.shape[0]
    frames = np.repeat(background[None].astype(np.float32), len(times), axis=0)  # (T, H, W, 3)
    visible = np.zeros((len(times), len(objects), side, side), dtype=np.bool_)  # (T, N, H, W)
    full_area = np.zeros((len(times), len(objects)), dtype=np.int64)  # (T, N)
    for n in sorted(range(len(objects)), key=lambda n: -objects[n].depth):
        sprite = _downscale(objects[n], side)
        for t, time in enumerate(times):
            layer = paste_sprite(sprite, objects[n].motion.at(time), side).astype(np.float32)  # (H, W, 4)
            alpha = layer[..., 3:] / 255  # (H, W, 1)
            frames[t] = frames[t] * (1 - alpha) + layer[..., :3] * alpha
            solid = alpha[..., 0] >= 0.5  # (H, W)
            visible[t, :, solid] = False  # occludes all objects behind
            visible[t, n] = solid
            full_area[t, n] = solid.sum()
    return Rendering(np.rint(frames).astype(np.uint8), visible, full_area)


def paste_sprite(sprite: Image.Image, pose: Pose, side: int) -> NDArray[np.uint8]:
    """Draw the sprite into an otherwise transparent image, (side, side, 4) uint8 RGBA."""
    scale = max(sprite.size) / (pose.size * side)  # sprite pixels per image pixel
    cos = math.cos(pose.angle) * scale
    sin = math.sin(pose.angle) * scale
    x = pose.x * side
    y = pose.y * side
    # affine map from image to sprite coordinates: rotation and scale about the centre of the sprite
    offset_x = sprite.width / 2 - cos * x - sin * y
    offset_y = sprite.height / 2 + sin * x - cos * y
    matrix = (cos, sin, offset_x, -sin, cos, offset_y)
    return np.asarray(sprite.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC))


def _downscale(scene_object: SceneObject, side: int) -> Image.Image:
    """Shrink the sprite to the largest size at which it is shown: pasting then needs no smoothing."""
    sprite = Image.fromarray(scene_object.sprite)
    longest = math.ceil(scene_object.motion.size * (1 + scene_object.motion.size_swing) * side)  # pixels
    factor = min(1.0, longest / max(sprite.size))
    width = max(1, round(sprite.width * factor))
    height = max(1, round(sprite.height * factor))
    padded = Image.new("RGBA", (width + 2, height + 2))  # a transparent border keeps the edges smooth
    padded.paste(sprite.resize((width, height), Image.Resampling.LANCZOS), (1, 1))
    return padded


def _bounce(coordinate: float) -> float:
    """Fold a coordinate back into the image, as if reflected at the margins."""
    span = 1 - 2 * _MARGIN
    folded = (coordinate - _MARGIN) % (2 * span)
    return _MARGIN + min(folded, 2 * span - folded)
