"""Sounding schedules of clips, sampled independently of the image so that they cannot be inferred from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avseg.data.setting import SETTINGS
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

SOUNDING_MODES = ("clip", "second")


@dataclass(frozen=True)
class ScheduleRules:
    """Distribution of the sounding schedules.

    MS3 and AVSS: any non-empty subset of the objects, uniformly. S4: one object, uniformly, fixed over the clip.

    Raises:
        UserError: unknown setting or mode; a probability outside [0, 1).
    """

    setting: str = "ms3"  # "s4", "ms3" or "avss"
    # "clip" keeps the subset over the clip; "second" draws a new one each second (S4: the one object is on or off)
    sounding: str = "clip"
    silent_clips: float = 0.04  # probability that the whole clip is silent (not S4, whose clips have a category)
    silent_seconds: float = 0.1  # probability that a second is silent. S4 with `sounding="second"` uses 1/2

    def __post_init__(self) -> None:
        check_choice("setting", self.setting, SETTINGS)
        check_choice("sounding", self.sounding, SOUNDING_MODES)
        for key in ("silent_clips", "silent_seconds"):
            probability = getattr(self, key)
            if not 0 <= probability < 1:
                raise UserError(f"{key} is {probability}; allowed: from 0 up to, not including, 1")

    @property
    def single_source(self) -> bool:
        """True if each clip has one category and at most one object sounds (S4)."""
        return SETTINGS[self.setting].single_source

    @property
    def clip_silence(self) -> float:
        """Probability that the whole clip is drawn silent."""
        return 0.0 if self.single_source else self.silent_clips

    @property
    def second_silence(self) -> float:
        """Probability that a second is silent in a clip that was not drawn silent."""
        return 0.5 if self.single_source and self.sounding == "second" else self.silent_seconds


@dataclass(frozen=True)
class Schedule:
    """Sounding schedule of a clip with N objects and T seconds."""

    sounding: NDArray[np.bool_]  # (T, N) bool
    lead: int = -1  # S4: index of the object that determines the category of the clip; otherwise -1


def draw_schedule(rng: np.random.Generator, num_objects: int, seconds: int, rules: ScheduleRules) -> Schedule:
    """Draw the sounding objects of each second."""
    lead = int(rng.integers(num_objects)) if rules.single_source else -1
    silent_clip = rng.uniform() < rules.clip_silence
    # one subset per second is drawn in both modes, so that the mode does not shift the random stream
    subsets = np.stack([_draw_subset(rng, num_objects, lead) for _ in range(seconds)])  # (T, N)
    if rules.sounding == "clip":
        subsets[:] = subsets[0]
    sounding = subsets & (rng.uniform(size=(seconds, 1)) >= rules.second_silence)  # (T, N)
    return Schedule(sounding & (not silent_clip), lead)


def subset_prior(num_objects: int, rules: ScheduleRules) -> NDArray[np.float64]:
    """Compute the probability of each set of sounding objects in a second, given the image but not the sound, (2**N,).

    Bit i of the index is set if object i sounds.
    """
    subsets = np.arange(2**num_objects)
    silence = 1 - (1 - rules.clip_silence) * (1 - rules.second_silence)
    # S4: single objects (powers of two) only
    allowed = np.isin(subsets, 2 ** np.arange(num_objects)) if rules.single_source else subsets > 0
    prior = np.where(allowed, (1 - silence) / allowed.sum(), 0.0)
    prior[0] = silence
    return prior


def _draw_subset(rng: np.random.Generator, num_objects: int, lead: int) -> NDArray[np.bool_]:
    """Draw a non-empty subset as (N,) bool; only the lead object if there is one."""
    bits = 2**lead if lead >= 0 else int(rng.integers(1, 2**num_objects))
    return (bits >> np.arange(num_objects) & 1).astype(np.bool_)
