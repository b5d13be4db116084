"""Who sounds when: drawn without a look at the picture, so that nothing visible gives it away."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avseg.data.avsbench.layout import SETTINGS
from avseg.utils.errors import UserError, nearest

SOUNDING = ("clip", "second")


@dataclass(frozen=True)
class ScriptRules:
    """The law by which scripts are drawn.

    MS3 and AVSS: any non-empty subset of the objects, all equally probable. S4: one object, all equally probable,
    the same over the clip.

    Attributes:
        setting: "s4", "ms3" or "avss".
        sounding: "clip" keeps the subset over the clip; "second" draws it anew each second (S4: the one object comes
            and goes).
        silent_clips: probability that nothing sounds in the whole clip (not S4, whose clips have a category).
        silent_seconds: probability that nothing sounds in a second. S4 with `sounding="second"` uses 1/2.

    Raises:
        UserError: unknown setting or mode; a probability outside [0, 1).
    """

    setting: str = "ms3"
    sounding: str = "clip"
    silent_clips: float = 0.04
    silent_seconds: float = 0.1

    def __post_init__(self) -> None:
        _check_name("setting", self.setting, SETTINGS)
        _check_name("sounding", self.sounding, SOUNDING)
        for name in ("silent_clips", "silent_seconds"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise UserError(f"{name} is {value}; allowed: from 0 up to, not including, 1")

    @property
    def clip_silence(self) -> float:
        """Probability that the whole clip is silent by plan."""
        return 0.0 if self.setting == "s4" else self.silent_clips

    @property
    def second_silence(self) -> float:
        """Probability that a second of a clip that is not silent by plan is silent."""
        return 0.5 if (self.setting, self.sounding) == ("s4", "second") else self.silent_seconds


@dataclass(frozen=True)
class Script:
    """Who sounds when.

    Attributes:
        sounding: (T, N) bool.
        lead: S4: the object that gives the clip its category; else -1.
    """

    sounding: NDArray[np.bool_]
    lead: int = -1


def draw_script(rng: np.random.Generator, objects: int, seconds: int, rules: ScriptRules) -> Script:
    """Draws who of `objects` sounds in each of `seconds`."""
    lead = int(rng.integers(objects)) if rules.setting == "s4" else -1
    silent_clip = rng.uniform() < rules.clip_silence
    subsets = [_draw_subset(rng, objects, lead) for _ in range(seconds)]
    if rules.sounding == "clip":
        subsets = [subsets[0]] * seconds
    sounding = np.stack(subsets) & (rng.uniform(size=(seconds, 1)) >= rules.second_silence)
    return Script(sounding & (not silent_clip), lead)


def subset_prior(objects: int, rules: ScriptRules) -> NDArray[np.float64]:
    """How probable each set of sounding objects is in a second, for one who sees the picture but hears nothing.

    Returns:
        (2**N,) probabilities; bit i of the place says that object i sounds.
    """
    places = np.arange(2**objects)
    silence = 1 - (1 - rules.clip_silence) * (1 - rules.second_silence)
    allowed = np.isin(places, 2 ** np.arange(objects)) if rules.setting == "s4" else places > 0
    prior = np.where(allowed, (1 - silence) / allowed.sum(), 0.0)
    prior[0] = silence
    return prior


def _draw_subset(rng: np.random.Generator, objects: int, lead: int) -> NDArray[np.bool_]:
    place = 2**lead if lead >= 0 else int(rng.integers(1, 2**objects))
    return (place >> np.arange(objects) & 1).astype(np.bool_)


def _check_name(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UserError(f"{name} '{value}' is unknown; allowed: {', '.join(allowed)}{nearest(value, allowed)}")
