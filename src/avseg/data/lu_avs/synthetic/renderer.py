"""Generate synthetic long videos: moving, changing objects that are visible whether they sound or not."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from avseg.data.lu_avs.synthetic.schedule import Span, draw_spans, frame_ticks, mix_spans
from avseg.data.synthetic.background import draw_background
from avseg.data.synthetic.generate import MAX_SIZE, MIN_SIZE, Actor, Background, Cast, random_streams
from avseg.data.synthetic.renderer import SceneObject, draw_objects, render_scene
from avseg.data.synthetic.soundtrack import SAMPLE_RATE
from avseg.utils.errors import UserError

RATES = (Fraction(8), Fraction(10), Fraction(10_000, 1001))  # ticks per second; the last is 29.97 / 3
_VARIABLE_RATE = 0.15  # share of the videos
_OBJECT_COUNTS = (2, 3, 3, 4)  # equally probable
_FRAMES_PER_STEP = 8  # rendered at once


@dataclass(frozen=True)
class SyntheticVideoConfig:
    """Configuration of synthetic long videos; raises `UserError` for a value out of range."""

    cast: Cast
    size: int = 64  # height in pixels, a multiple of 4; the width is 1.5 times the height
    seconds: tuple[float, float] = (10.0, 20.0)  # shortest and longest duration
    hard_share: float = 0.2  # share of the "hard" videos, which have boxes only
    seed: int = 0  # videos of different seeds have nothing in common
    # smallest and largest mean longer side of an object, as shares of the image width
    object_sizes: tuple[float, float] = (0.2, 0.36)
    level_range_db: float = 4.0  # the levels of the voices are uniform from minus to plus this value
    background: Background = draw_background

    def __post_init__(self) -> None:
        if not MIN_SIZE <= self.size <= MAX_SIZE or self.size % 4:
            raise UserError(f"size is {self.size}; allowed: multiples of 4 from {MIN_SIZE} to {MAX_SIZE} pixels")
        shortest, longest = self.seconds
        if not 3 <= shortest <= longest <= 600:
            raise UserError(f"seconds is {shortest:g} to {longest:g}; allowed: 3 to 600, the shorter first")
        if not 0 <= self.hard_share <= 1:
            raise UserError(f"hard is {self.hard_share}; allowed: a share from 0 to 1")
        if self.seed < 0:
            raise UserError(f"seed is {self.seed}; use 0 or more")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.size, self.size * 3 // 2

    def is_hard(self, index: int) -> bool:
        """True if video `index` of a split has boxes only; hard videos are evenly spread."""
        return math.floor((index + 1) * self.hard_share) > math.floor(index * self.hard_share)


@dataclass(frozen=True)
class SyntheticVideo:
    """A generated video whose frames are rendered on demand."""

    id: str  # unique in the set; some begin with `-`, as YouTube ids do
    rate: Fraction  # ticks per second
    ticks: npt.NDArray[np.int64]  # (N,) presentation time of each frame
    hard: bool  # True if it has boxes only
    actors: list[Actor]  # appearance and voice of each object
    objects: list[SceneObject]  # motion and depth of each object
    spans: list[Span]
    levels_db: npt.NDArray[np.float64]  # of the voices
    waveform: npt.NDArray[np.float32]  # (samples,) float32 at 16 kHz
    background: npt.NDArray[np.uint8]  # (side, side, 3), side = width
    shape: tuple[int, int]  # height and width
    glow: npt.NDArray[np.float64]  # (objects, 2): swings per second and phase of the brightness

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Presentation time of each frame in seconds, (N,)."""
        return np.asarray(self.ticks / float(self.rate))

    @property
    def duration(self) -> float:
        """Duration in seconds."""
        return (int(self.ticks[-1]) + 1) / float(self.rate)

    def render(self) -> Iterator[tuple[int, npt.NDArray[np.uint8], npt.NDArray[np.bool_]]]:
        """Yield a few frames at a time: index of the first, frames (n, H, W, 3), visible pixels (n, N, H, W)."""
        height, width = self.shape
        top = (width - height) // 2  # scenes are square: cut to the height
        for begin in range(0, len(self.ticks), _FRAMES_PER_STEP):
            times = self.times[begin : begin + _FRAMES_PER_STEP]  # (n,)
            rendering = render_scene(self._lit_objects(float(times[0])), self.background, list(times))
            yield begin, rendering.frames[:, top : top + height], rendering.visible[:, :, top : top + height]

    def _lit_objects(self, time: float) -> list[SceneObject]:
        """Return the objects with their brightness at a time."""
        lit_objects = []
        for scene_object, (swings, phase) in zip(self.objects, self.glow, strict=True):
            brightness = 0.84 + 0.16 * math.sin(2 * math.pi * swings * time + phase)
            sprite = scene_object.sprite
            sprite = np.dstack([(sprite[..., :3] * brightness).astype(np.uint8), sprite[..., 3]])
            lit_objects.append(SceneObject(sprite, scene_object.motion, scene_object.depth))
        return lit_objects


def generate_video(config: SyntheticVideoConfig, split: str, index: int) -> SyntheticVideo:
    """Generate one video; it depends on the configuration, split and index only."""
    scene_rng, schedule_rng, sound_rng = random_streams(config.seed, split, index)
    rate = RATES[int(scene_rng.integers(len(RATES)))]
    duration = scene_rng.uniform(*config.seconds)
    ticks = frame_ticks(scene_rng, float(rate), duration, scene_rng.uniform() < _VARIABLE_RATE)
    edges = np.append(ticks, ticks[-1] + 1) / float(rate)  # (N + 1,) seconds
    actors = config.cast.draw(scene_rng, int(scene_rng.choice(_OBJECT_COUNTS)), split)
    objects = draw_objects(scene_rng, [actor.sprite for actor in actors], config.object_sizes)
    background = config.background(scene_rng, config.shape[1])  # (width, width, 3)
    frequency = scene_rng.uniform(0.05, 0.4, len(actors))  # (objects,)
    phase = scene_rng.uniform(0, 6.28, len(actors))  # (objects,)

    spans = draw_spans(schedule_rng, len(actors), edges[:-1], float(edges[-1]))
    levels = sound_rng.uniform(-config.level_range_db, config.level_range_db, len(actors))  # (objects,)
    # whole seconds: the Fourier transforms of the voices take ten times as long at lengths with large prime factors
    voices = [actor.voice(sound_rng, math.ceil(edges[-1]) * SAMPLE_RATE) for actor in actors]
    return SyntheticVideo(
        id=f"{'-' if index % 7 == 6 else ''}{config.cast.prefix}_{split}_{index:05d}",
        rate=rate,
        ticks=ticks,
        hard=config.is_hard(index),
        actors=actors,
        objects=objects,
        spans=spans,
        levels_db=levels,
        waveform=mix_spans(voices, spans, edges, levels, sound_rng),
        background=background,
        shape=config.shape,
        glow=np.column_stack([frequency, phase]),
    )
