"""Audible segments proposed from the sound: by its energy, or by a trained audio branch that names the class."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avseg.annotate.media.sound import Sound
from avseg.annotate.media.video import Film
from avseg.utils.errors import UserError, nearest

STEP = 0.01  # seconds between levels
_WINDOW = 0.03  # seconds of a level
_SILENCE = -120.0  # dB
SNAP = 0.7  # seconds
Levels = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Proposal:
    """A segment to look at.

    Attributes:
        start: first frame.
        end: the frame after the last.
        label: the class that a trained audio branch heard; None by energy.
        score: 0 to 1; by energy how far the mean level stands above the noise, by a branch the mean probability.
    """

    start: int
    end: int
    label: str | None
    score: float


@dataclass(frozen=True)
class Energy:
    """How loud stretches are found.

    Attributes:
        rise: dB above the noise floor at which a segment begins.
        fall: dB above the noise floor below which it ends (hysteresis).
        floor: dB of full scale, the noise floor; None = estimated.
        quietest: dB of full scale; nothing below is sound.
        min_gap: seconds; shorter pauses are bridged.
        min_length: seconds; shorter segments are left out.
        pad: seconds added on both sides.
    """

    rise: float = 14.0
    fall: float = 8.0
    floor: float | None = None
    quietest: float = -60.0
    min_gap: float = 0.25
    min_length: float = 0.15
    pad: float = 0.03


def propose(sound: Sound | Path | str, film: Film, method: str | Path = "energy", **options: Any) -> list[Proposal]:
    """Proposes audible segments.

    Args:
        sound: of the film, or the path of its video.
        film: the video.
        method: "energy", or a run directory or checkpoint of a model that hears classes (`model=lu_avs_audio`, or a
            composition that holds one).
        options: of `Energy`; of a run: `threshold`, the probability from which a class counts as heard, `device`, and
            `snap`: a branch hears whole seconds, so each edge goes to the nearest rise or fall of the energy that is
            not farther than so many seconds (default 0.7; 0 = it stays).

    Returns:
        In the order of time; segments of one label do not overlap.

    Raises:
        UserError: an unknown method or option, a run that does not hear classes, a sound that cannot be decoded.
    """
    sound = sound if isinstance(sound, Sound) else Sound(sound)
    if method == "energy":
        return _by_energy(sound, film, _options(options))
    if not Path(method).exists():
        raise UserError(f"method '{method}' is neither 'energy' nor a run directory{nearest(str(method), ['energy'])}")
    return _by_run(sound, film, Path(method), options)


def _options(options: Mapping[str, Any]) -> Energy:
    _known(options, [field.name for field in fields(Energy)])
    for name, value in options.items():
        if not (value is None and name == "floor") and not isinstance(value, int | float):
            raise UserError(f"option {name} is {value!r}; give a number")
    how = Energy(**options)
    if how.fall > how.rise:
        raise UserError(f"fall {how.fall:g} dB is above rise {how.rise:g} dB; a segment would end before it begins")
    return how


def _known(options: Mapping[str, Any], allowed: list[str]) -> None:
    for name in options:
        if name not in allowed:
            raise UserError(f"option '{name}' is unknown; allowed: {', '.join(allowed)}{nearest(name, allowed)}")


def _by_energy(sound: Sound, film: Film, how: Energy) -> list[Proposal]:
    levels = sound_levels(sound)
    floor = _floor(levels, how)
    found = []
    for first, last in _loud(levels, how):
        score = float(np.clip((levels[first:last].mean() - floor) / 40, 0, 1))
        start, end = max(first * STEP - how.pad, 0.0), min(last * STEP + how.pad, film.duration)
        found.append(Proposal(*film.frame_span(start, end), None, round(score, 4)))
    return _apart(found)


def _loud(levels: Levels, how: Energy) -> list[tuple[int, int]]:
    """Loud stretches, half-open in steps of `STEP`."""
    floor = _floor(levels, how)
    begins = levels >= max(floor + how.rise, how.quietest)
    goes_on = levels >= max(floor + how.fall, how.quietest - (how.rise - how.fall))
    return _bridged(_hysteresis(begins, goes_on), how.min_gap, how.min_length)


def _floor(levels: Levels, how: Energy) -> float:
    return noise_floor(levels) if how.floor is None else how.floor


def sound_levels(sound: Sound) -> Levels:
    """The root mean square of each 10 ms (of the 30 ms around), (n,) in dB of full scale; read a minute at a time."""
    step, window = round(STEP * sound.rate), round(_WINDOW * sound.rate)
    count, margin = sound.samples // step, (window - step) // 2
    power = np.zeros(count)
    for begin in range(0, count, 6000):
        places = np.arange(min(6000, count - begin)) * step
        wave = sound.read(begin * step - margin, len(places) * step + 2 * margin).astype(np.float64)
        total = np.concatenate([[0.0], np.cumsum(np.square(wave - wave.mean()))])
        power[begin : begin + len(places)] = (total[places + window] - total[places]) / window
    levels: Levels = np.maximum(10 * np.log10(np.maximum(power, 1e-12)), _SILENCE)
    return levels


def noise_floor(levels: Levels) -> float:
    """The level of what is not meant to be heard, in dB: the 10th percentile, but no more than 24 dB below the 95th.

    A sound without a pause has no quiet tenth; the bound keeps it from being taken for noise.
    """
    if not len(levels):
        return _SILENCE
    quiet, loud = np.percentile(levels, [10, 95])
    return float(min(quiet, loud - 24))


def _hysteresis(begins: npt.NDArray[np.bool_], goes_on: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of `goes_on` that hold a step of `begins`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], goes_on | begins, [False]]).astype(np.int8)))
    runs = [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
    return [(first, last) for first, last in runs if begins[first:last].any()]


def _bridged(runs: list[tuple[int, int]], min_gap: float, min_length: float) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in runs:
        if joined and (first - joined[-1][1]) * STEP < min_gap:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return [(first, last) for first, last in joined if (last - first) * STEP >= min_length]


def _apart(proposals: list[Proposal]) -> list[Proposal]:
    """Without overlaps, which padding and the rounding to frames may bring: the later one begins where one ends."""
    kept: list[Proposal] = []
    for proposal in proposals:
        start = max(proposal.start, kept[-1].end) if kept else proposal.start
        if start < proposal.end:
            kept.append(Proposal(start, proposal.end, proposal.label, proposal.score))
    return kept


def _by_run(sound: Sound, film: Film, run: Path, options: Mapping[str, Any]) -> list[Proposal]:
    from avseg.annotate.proposals.audio_branch import hear

    _known(options, ["threshold", "device", "snap"])
    given = dict(options)
    snap = float(given.pop("snap", SNAP))
    runs = _loud(sound_levels(sound), Energy()) if snap else []
    starts, ends = np.array([first for first, _ in runs]) * STEP, np.array([last for _, last in runs]) * STEP
    found = []
    for label, start, end, score in hear(sound.index, run, **given):
        start, end = _snapped(start, starts, snap), min(_snapped(end, ends, snap), film.duration)
        if start < end:
            found.append(Proposal(*film.frame_span(start, end), label, score))
    return sorted(found, key=lambda proposal: (proposal.start, proposal.end, proposal.label or ""))


def _snapped(time: float, edges: npt.NDArray[np.floating], farthest: float) -> float:
    """The nearest edge that is not too far, else the time itself."""
    if not len(edges):
        return time
    nearest_edge = float(edges[np.abs(edges - time).argmin()])
    return nearest_edge if abs(nearest_edge - time) <= farthest else time
