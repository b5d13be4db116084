"""Makes long videos: objects that move, change, and are seen whether they sound or not."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from avseg.data.avsbench.layout import SPLITS
from avseg.data.lu_avs.synthetic.schedule import Span, draw_spans, frame_times, mix_spans
from avseg.data.synthetic.background import draw_background
from avseg.data.synthetic.generate import MAX_SIZE, MIN_SIZE, Actor, Background, Cast
from avseg.data.synthetic.renderer import SceneObject, draw_motion, render
from avseg.data.synthetic.soundtrack import SAMPLE_RATE
from avseg.utils.errors import UserError

RATES = (Fraction(8), Fraction(10), Fraction(10_000, 1001))  # the last is 29.97 / 3
_VARYING = 0.15  # share of the videos whose rate varies
_COUNTS = (2, 3, 3, 4)  # objects of a video, equally probable
_SCENE, _PLAN, _SOUND = range(3)  # streams of random numbers that know nothing of each other
_STEP = 8  # frames that are drawn at once


@dataclass(frozen=True)
class FilmRecipe:
    """What long videos are made of.

    Attributes:
        cast: where actors come from.
        size: height in pixels, a multiple of 4; the width is half as much again.
        seconds: shortest and longest duration.
        hard_share: share of the videos with boxes alone.
        seed: videos of another seed have nothing in common.
        object_sizes: smallest and largest mean longer side of an object, shares of the picture's width.
        level_range_db: levels of the voices are drawn evenly from minus to plus this.
        background: draws what lies behind.

    Raises:
        UserError: a value out of range.
    """

    cast: Cast
    size: int = 64
    seconds: tuple[float, float] = (10.0, 20.0)
    hard_share: float = 0.2
    seed: int = 0
    object_sizes: tuple[float, float] = (0.2, 0.36)
    level_range_db: float = 4.0
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
            raise UserError(f"seed is {self.seed}; give 0 or more")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.size, self.size * 3 // 2

    def is_hard(self, index: int) -> bool:
        """Whether a split's video of this number has boxes alone: evenly spread, at the share asked for."""
        return math.floor((index + 1) * self.hard_share) > math.floor(index * self.hard_share)


@dataclass(frozen=True)
class Film:
    """A video that was made, its pictures still to be drawn.

    Attributes:
        id: unique in the set; some begin with `-`, as ids of YouTube do.
        rate: ticks per second.
        ticks: (N,) when each frame is shown.
        hard: whether it has boxes alone.
        actors: the objects.
        objects: where they are.
        spans: who sounds when.
        levels_db: of the voices.
        waveform: (samples,) float32 at 16 kHz.
        background: (side, side, 3), side = width.
        shape: height and width.
        glow: of each object, swings per second and phase of its brightness.
    """

    id: str
    rate: Fraction
    ticks: npt.NDArray[np.int64]
    hard: bool
    actors: list[Actor]
    objects: list[SceneObject]
    spans: list[Span]
    levels_db: npt.NDArray[np.float64]
    waveform: npt.NDArray[np.float32]
    background: npt.NDArray[np.uint8]
    shape: tuple[int, int]
    glow: npt.NDArray[np.float64]

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """(N,) seconds, when each frame is shown."""
        return np.asarray(self.ticks / float(self.rate))

    @property
    def duration(self) -> float:
        """Seconds."""
        return (int(self.ticks[-1]) + 1) / float(self.rate)

    def pictures(self) -> Iterator[tuple[int, npt.NDArray[np.uint8], npt.NDArray[np.bool_]]]:
        """Draws the frames, a few at a time.

        Returns:
            The number of the first one, frames (n, H, W, 3), and visible pixels of each object (n, N, H, W); no two
            objects share one.
        """
        (height, width), times = self.shape, self.times
        top = (width - height) // 2
        for begin in range(0, len(times), _STEP):
            part = times[begin : begin + _STEP]
            drawn = render(self._lit(float(part[0])), self.background, list(part))
            yield begin, drawn.frames[:, top : top + height], drawn.visible[:, :, top : top + height]

    def _lit(self, time: float) -> list[SceneObject]:
        """The objects in the light of a moment."""
        lit = []
        for item, (swings, phase) in zip(self.objects, self.glow, strict=True):
            light = 0.84 + 0.16 * math.sin(2 * math.pi * swings * time + phase)
            sprite = np.dstack([(item.sprite[..., :3] * light).astype(np.uint8), item.sprite[..., 3]])
            lit.append(SceneObject(sprite, item.motion, item.depth))
        return lit


def make_film(recipe: FilmRecipe, split: str, index: int) -> Film:
    """Makes one video; the same recipe, split and index give the same one."""
    key = [recipe.seed, SPLITS.index(split), index]
    scene_rng, plan_rng, sound_rng = (np.random.default_rng([*key, stream]) for stream in (_SCENE, _PLAN, _SOUND))
    rate = RATES[int(scene_rng.integers(len(RATES)))]
    ticks = frame_times(scene_rng, float(rate), scene_rng.uniform(*recipe.seconds), scene_rng.uniform() < _VARYING)
    edges = np.append(ticks, ticks[-1] + 1) / float(rate)
    actors = recipe.cast.draw(scene_rng, int(scene_rng.choice(_COUNTS)), split)
    objects = [
        SceneObject(actor.sprite, draw_motion(scene_rng, recipe.object_sizes), int(depth))
        for actor, depth in zip(actors, scene_rng.permutation(len(actors)), strict=True)
    ]
    spans = draw_spans(plan_rng, len(actors), edges[:-1], float(edges[-1]))
    levels = sound_rng.uniform(-recipe.level_range_db, recipe.level_range_db, len(actors))
    # whole seconds: the voices' Fourier transforms take ten times as long at lengths with large prime factors
    voices = [actor.voice(sound_rng, math.ceil(edges[-1]) * SAMPLE_RATE) for actor in actors]
    return Film(
        id=f"{'-' if index % 7 == 6 else ''}{recipe.cast.prefix}_{split}_{index:05d}",
        rate=rate,
        ticks=ticks,
        hard=recipe.is_hard(index),
        actors=actors,
        objects=objects,
        spans=spans,
        levels_db=levels,
        waveform=mix_spans(voices, spans, edges, levels, sound_rng),
        background=recipe.background(scene_rng, recipe.shape[1]),
        shape=recipe.shape,
        glow=np.column_stack([scene_rng.uniform(0.05, 0.4, len(actors)), scene_rng.uniform(0, 6.28, len(actors))]),
    )
