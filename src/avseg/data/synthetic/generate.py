"""Makes clips: actors in a moving scene, a script of who sounds when, and the sound of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avseg.data.avsbench.layout import SPLITS
from avseg.data.synthetic.background import draw_background
from avseg.data.synthetic.renderer import draw_scene
from avseg.data.synthetic.schedule import ScriptRules, draw_script, subset_prior
from avseg.data.synthetic.soundtrack import SAMPLE_RATE, mix
from avseg.utils.errors import UserError

# official sampling at r frames per second: the frame of second l has the index int(l r + 15 r / 16)
FRAME_MOMENT = 15 / 16
MIN_SIZE, MAX_SIZE = 32, 1024
_SCENE, _SCRIPT, _SOUND = range(3)  # streams of random numbers that know nothing of each other

Voice = Callable[[np.random.Generator, int], NDArray[np.float32]]
Background = Callable[[np.random.Generator, int], NDArray[np.uint8]]


@dataclass(frozen=True)
class Actor:
    """Something that can be seen and heard.

    Attributes:
        category: its class.
        source: what it was made from, for the record.
        sprite: (h, w, 4) uint8 RGBA.
        voice: (rng, samples) -> (samples,) float32 at 16 kHz with root mean square 1.
    """

    category: str
    source: str
    sprite: NDArray[np.uint8]
    voice: Voice


class Cast(Protocol):
    """Where actors come from."""

    @property
    def prefix(self) -> str:
        """The first word of the clips' names."""

    @property
    def categories(self) -> list[str]:
        """All classes, in a fixed order."""

    def draw(self, rng: np.random.Generator, count: int, split: str) -> list[Actor]:
        """Draws `count` actors of different classes."""


@dataclass(frozen=True)
class ClipRecipe:
    """What a clip is made of.

    Attributes:
        cast: where actors come from.
        rules: who sounds when.
        size: side of the frames in pixels, 32 to 1024.
        seconds: T, frames and seconds: 5; AVSS 5 or 10.
        seed: clips of another seed have nothing in common.
        object_sizes: smallest and largest mean longer side of an object, shares of the picture's side.
        level_range_db: levels of the voices are drawn evenly from minus to plus this.
        background: draws what lies behind.

    Raises:
        UserError: size, number of seconds or seed out of range.
    """

    cast: Cast
    rules: ScriptRules
    size: int = 64
    seconds: int = 5
    seed: int = 0
    object_sizes: tuple[float, float] = (0.27, 0.44)
    level_range_db: float = 5.0
    background: Background = draw_background

    def __post_init__(self) -> None:
        if not MIN_SIZE <= self.size <= MAX_SIZE:
            raise UserError(f"size is {self.size}; allowed: {MIN_SIZE} to {MAX_SIZE} pixels")
        if self.seed < 0:
            raise UserError(f"seed is {self.seed}; give 0 or more")
        allowed = (5, 10) if self.rules.setting == "avss" else (5,)
        if self.seconds not in allowed:
            choice = " or ".join(map(str, allowed))
            raise UserError(f"frames is {self.seconds}; the layout of {self.rules.setting} has {choice} per clip")

    @property
    def object_counts(self) -> tuple[int, ...]:
        """How many objects a clip may show, equally probable."""
        return (1, 2) if self.rules.setting == "s4" else (2, 3)


@dataclass(frozen=True)
class MadeClip:
    """A clip that was made, with all that is known about it.

    Attributes:
        name: unique in the set.
        split: "train", "val" or "test".
        frames: (T, H, W, 3) uint8; frame l shows second l at its fifteenth sixteenth.
        visible: (T, N, H, W) bool, visible pixels of each object; no two objects share one.
        sounding: (T, N) bool.
        lead: S4: the object that gives the category; else -1.
        waveform: (T * 16000,) float32.
        categories: of the N objects.
        sources: what the N objects were made from.
        depths: of the N objects, 0 is nearest.
        levels_db: (N,) levels of the voices.
        prior: (2**N,), see `avseg.data.synthetic.schedule.subset_prior`.
    """

    name: str
    split: str
    frames: NDArray[np.uint8]
    visible: NDArray[np.bool_]
    sounding: NDArray[np.bool_]
    lead: int
    waveform: NDArray[np.float32]
    categories: list[str]
    sources: list[str]
    depths: list[int]
    levels_db: NDArray[np.float64]
    prior: NDArray[np.float64]

    @property
    def masks(self) -> NDArray[np.bool_]:
        """(T, H, W): the visible pixels of the sounding objects."""
        return np.asarray((self.visible & self.sounding[:, :, None, None]).any(axis=1))

    def class_masks(self, classes: dict[str, int]) -> NDArray[np.uint8]:
        """(T, H, W) class indices of the sounding pixels, 0 elsewhere."""
        labels = np.zeros(self.frames.shape[:3], dtype=np.uint8)
        for n, category in enumerate(self.categories):
            labels[self.visible[:, n] & self.sounding[:, n, None, None]] = classes[category]
        return labels


def make_clip(recipe: ClipRecipe, split: str, index: int) -> MadeClip:
    """Makes one clip; the same recipe, split and index give the same clip."""
    scene_rng, script_rng, sound_rng = (_stream(recipe.seed, split, index, s) for s in (_SCENE, _SCRIPT, _SOUND))
    count = int(scene_rng.choice(recipe.object_counts))
    actors = recipe.cast.draw(scene_rng, count, split)
    background = recipe.background(scene_rng, recipe.size)
    times = [second + FRAME_MOMENT for second in range(recipe.seconds)]
    sprites = [actor.sprite for actor in actors]
    objects, pictures = draw_scene(scene_rng, sprites, background, times, recipe.object_sizes)
    script = draw_script(script_rng, count, recipe.seconds, recipe.rules)
    levels = sound_rng.uniform(-recipe.level_range_db, recipe.level_range_db, count)
    voices = [actor.voice(sound_rng, recipe.seconds * SAMPLE_RATE) for actor in actors]
    return MadeClip(
        name=f"{recipe.cast.prefix}_{split}_{index:05d}",
        split=split,
        frames=pictures.frames,
        visible=pictures.visible,
        sounding=script.sounding,
        lead=script.lead,
        waveform=mix(voices, script.sounding, levels, sound_rng),
        categories=[actor.category for actor in actors],
        sources=[actor.source for actor in actors],
        depths=[item.depth for item in objects],
        levels_db=levels,
        prior=subset_prior(count, recipe.rules),
    )


def _stream(seed: int, split: str, index: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, SPLITS.index(split), index, stream])
