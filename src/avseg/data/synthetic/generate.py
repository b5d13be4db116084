"""Generate synthetic clips: actors in a moving scene, a schedule of which of them sound, and the resulting sound."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avseg.data.setting import SETTINGS, SPLITS
from avseg.data.synthetic.background import draw_background
from avseg.data.synthetic.renderer import draw_scene
from avseg.data.synthetic.schedule import ScheduleRules, draw_schedule, subset_prior
from avseg.data.synthetic.soundtrack import SAMPLE_RATE, mix_voices
from avseg.utils.errors import UserError

# official sampling at r frames per second: the frame of second l has the index int(l r + 15 r / 16)
FRAME_OFFSET = 15 / 16
MIN_SIZE, MAX_SIZE = 32, 1024  # pixels

Voice = Callable[[np.random.Generator, int], NDArray[np.float32]]  # (rng, samples) -> (samples,)
Background = Callable[[np.random.Generator, int], NDArray[np.uint8]]  # (rng, size) -> (size, size, 3)


@dataclass(frozen=True)
class Actor:
    """An object with an appearance and a sound."""

    category: str
    source: str  # what it was generated from, for the record
    sprite: NDArray[np.uint8]  # (h, w, 4) uint8 RGBA
    voice: Voice  # (rng, samples) -> (samples,) float32 at 16 kHz with RMS 1


class Cast(Protocol):
    """Source of actors."""

    @property
    def prefix(self) -> str:
        """Start of the names of the clips."""

    @property
    def categories(self) -> list[str]:
        """All classes, in a fixed order."""

    def draw(self, rng: np.random.Generator, count: int, split: str) -> list[Actor]:
        """Draw `count` actors of different classes."""


@dataclass(frozen=True)
class SyntheticClipConfig:
    """Configuration of synthetic clips; raises `UserError` for a value out of range."""

    cast: Cast
    rules: ScheduleRules
    size: int = 64  # side of the frames in pixels, 32 to 1024
    seconds: int = 5  # T, frames and seconds: 5; AVSS 5 or 10
    seed: int = 0  # clips of different seeds have nothing in common
    # smallest and largest mean longer side of an object, as shares of the image side
    object_sizes: tuple[float, float] = (0.27, 0.44)
    level_range_db: float = 5.0  # the levels of the voices are uniform from minus to plus this value
    background: Background = draw_background

    def __post_init__(self) -> None:
        if not MIN_SIZE <= self.size <= MAX_SIZE:
            raise UserError(f"size is {self.size}; allowed: {MIN_SIZE} to {MAX_SIZE} pixels")
        if self.seed < 0:
            raise UserError(f"seed is {self.seed}; use 0 or more")
        allowed = SETTINGS[self.rules.setting].clip_lengths
        if self.seconds not in allowed:
            choice = " or ".join(map(str, allowed))
            raise UserError(f"frames is {self.seconds}; the layout of {self.rules.setting} has {choice} per clip")

    @property
    def object_counts(self) -> tuple[int, ...]:
        """Numbers of objects that a clip may show, equally probable."""
        return (1, 2) if self.rules.single_source else (2, 3)


@dataclass(frozen=True)
class SyntheticClip:
    """A generated clip with its full ground truth."""

    name: str
    split: str
    frames: NDArray[np.uint8]  # (T, H, W, 3) uint8; frame l shows second l at 15/16 of it
    visible: NDArray[np.bool_]  # (T, N, H, W) bool, visible pixels of each object; they are disjoint
    sounding: NDArray[np.bool_]  # (T, N) bool
    lead: int  # S4: index of the object that determines the category; otherwise -1
    waveform: NDArray[np.float32]  # (T * 16000,) float32
    categories: list[str]  # of the N objects
    sources: list[str]  # what the N objects were generated from
    depths: list[int]  # of the N objects, 0 is nearest
    levels_db: NDArray[np.float64]  # (N,) levels of the voices
    prior: NDArray[np.float64]  # (2**N,), see `avseg.data.synthetic.schedule.subset_prior`

    @property
    def masks(self) -> NDArray[np.bool_]:
        """Visible pixels of the sounding objects, (T, H, W)."""
        return np.asarray((self.visible & self.sounding[:, :, None, None]).any(axis=1))  # over the objects

    def class_masks(self, classes: dict[str, int]) -> NDArray[np.uint8]:
        """Return the class indices of the sounding pixels, (T, H, W), 0 elsewhere."""
        labels = np.zeros(self.frames.shape[:3], dtype=np.uint8)  # (T, H, W)
        for n, category in enumerate(self.categories):
            labels[self.visible[:, n] & self.sounding[:, n, None, None]] = classes[category]
        return labels


def random_streams(seed: int, split: str, index: int) -> list[np.random.Generator]:
    """Return three independent random streams of a clip: scene, schedule and sound."""
    return [np.random.default_rng([seed, SPLITS.index(split), index, stream]) for stream in range(3)]


def generate_clip(config: SyntheticClipConfig, split: str, index: int) -> SyntheticClip:
    """Generate one clip; it depends on the configuration, split and index only."""
    scene_rng, schedule_rng, sound_rng = random_streams(config.seed, split, index)
    count = int(scene_rng.choice(config.object_counts))
    actors = config.cast.draw(scene_rng, count, split)
    background = config.background(scene_rng, config.size)  # (H, W, 3)
    times = (np.arange(config.seconds) + FRAME_OFFSET).tolist()  # seconds
    sprites = [actor.sprite for actor in actors]
    objects, rendering = draw_scene(scene_rng, sprites, background, times, config.object_sizes)

    schedule = draw_schedule(schedule_rng, count, config.seconds, config.rules)
    levels = sound_rng.uniform(-config.level_range_db, config.level_range_db, count)  # (N,)
    voices = [actor.voice(sound_rng, config.seconds * SAMPLE_RATE) for actor in actors]
    return SyntheticClip(
        name=f"{config.cast.prefix}_{split}_{index:05d}",
        split=split,
        frames=rendering.frames,
        visible=rendering.visible,
        sounding=schedule.sounding,
        lead=schedule.lead,
        waveform=mix_voices(voices, schedule.sounding, levels, sound_rng),
        categories=[actor.category for actor in actors],
        sources=[actor.source for actor in actors],
        depths=[scene_object.depth for scene_object in objects],
        levels_db=levels,
        prior=subset_prior(count, config.rules),
    )
