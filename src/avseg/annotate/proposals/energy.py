"""Propose audible segments from the energy of the sound, or from a trained audio branch that also names the class."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avseg.annotate.media.sound import Sound
from avseg.annotate.media.video import VideoReader
from avseg.utils.errors import UserError, nearest

STEP = 0.01  # seconds between levels
_WINDOW = 0.03  # seconds per level
_MIN_LEVEL = -120.0  # dB
_BATCH = 6000  # levels: a minute of sound
SNAP = 0.7  # seconds
Levels = npt.NDArray[np.float64]
_Runs = list[tuple[int, int]]  # [first, last) in steps of `STEP`


@dataclass(frozen=True)
class Proposal:
    """A proposed segment."""

    start: int  # first frame
    end: int  # the frame after the last
    label: str | None  # class detected by an audio branch; None for energy
    score: float  # 0 to 1; for energy from the mean level above the noise floor, for a branch the mean probability


@dataclass(frozen=True)
class EnergyOptions:
    """Thresholds of the energy detector."""

    rise: float = 14.0  # dB above the noise floor at which a segment begins
    fall: float = 8.0  # dB above the noise floor below which it ends (hysteresis)
    floor: float | None = None  # noise floor in dB of full scale; None = estimated
    quietest: float = -60.0  # dB of full scale below which nothing counts as sound
    min_gap: float = 0.25  # seconds; shorter pauses are bridged
    min_length: float = 0.15  # seconds; shorter segments are dropped
    pad: float = 0.03  # seconds added on both sides


def propose(
    sound: Sound | Path | str, video: VideoReader, method: str | Path = "energy", **options: Any
) -> list[Proposal]:
    """Propose audible segments in time order; those with the same label do not overlap.

    The method is "energy", with `EnergyOptions`, or a run directory or checkpoint of a model that classifies sound
    (`model=lu_avs_audio`, or a composition that contains one), with the options `threshold`, the minimum probability of
    a class, `device`, and `snap`: a branch works in whole seconds, so each edge moves to the nearest rise or fall of
    the energy within this many seconds (default 0.7; 0 = never).

    Raises:
        UserError: an unknown method or option, a run that does not classify sound, a sound that cannot be decoded.
    """
    sound = sound if isinstance(sound, Sound) else Sound(sound)
    if method == "energy":
        return _propose_by_energy(sound, video, _check_options(options))
    if not Path(method).exists():
        raise UserError(f"method '{method}' is neither 'energy' nor a run directory{nearest(str(method), ['energy'])}")
    return _propose_by_run(sound, video, Path(method), options)


def _check_options(options: Mapping[str, Any]) -> EnergyOptions:
    _check_names(options, [field.name for field in fields(EnergyOptions)])
    for name, value in options.items():
        if not (value is None and name == "floor") and not isinstance(value, int | float):
            raise UserError(f"option {name} is {value!r}; give a number")
    checked = EnergyOptions(**options)
    if checked.fall > checked.rise:
        raise UserError(
            f"fall {checked.fall:g} dB is above rise {checked.rise:g} dB; a segment would end before it begins"
        )
    return checked


def _check_names(options: Collection[str], allowed: list[str]) -> None:
    for name in options:
        if name not in allowed:
            raise UserError(f"option '{name}' is unknown; allowed: {', '.join(allowed)}{nearest(name, allowed)}")


def _propose_by_energy(sound: Sound, video: VideoReader, options: EnergyOptions) -> list[Proposal]:
    levels = sound_levels(sound)
    floor = noise_floor(levels) if options.floor is None else options.floor
    proposals: list[Proposal] = []
    for first, last in _loud_runs(levels, floor, options):
        score = float(np.clip((levels[first:last].mean() - floor) / 40, 0, 1))
        start = max(first * STEP - options.pad, 0.0)
        end = min(last * STEP + options.pad, video.duration)
        start_frame, end_frame = video.frame_span(start, end)
        # padding and rounding to frames may cause overlaps: the later segment begins at the end of the earlier one
        if proposals:
            start_frame = max(start_frame, proposals[-1].end)
        if start_frame < end_frame:
            proposals.append(Proposal(start_frame, end_frame, None, round(score, 4)))
    return proposals


def _loud_runs(levels: Levels, floor: float, options: EnergyOptions) -> _Runs:
    begins = levels >= max(floor + options.rise, options.quietest)
    continues = levels >= max(floor + options.fall, options.quietest - (options.rise - options.fall))
    return _bridge(_hysteresis(begins, continues), options.min_gap, options.min_length)


def sound_levels(sound: Sound) -> Levels:
    """Compute the RMS level of 30 ms of sound each 10 ms, (n,) in dB of full scale; read one minute at a time."""
    step = round(STEP * sound.rate)
    window = round(_WINDOW * sound.rate)
    count = sound.samples // step
    margin = (window - step) // 2
    power = np.zeros(count)
    for begin in range(0, count, _BATCH):
        offsets = np.arange(min(_BATCH, count - begin)) * step
        wave = sound.read(begin * step - margin, len(offsets) * step + 2 * margin).astype(np.float64)
        total = np.concatenate([[0.0], np.cumsum(np.square(wave - wave.mean()))])
        power[begin : begin + len(offsets)] = (total[offsets + window] - total[offsets]) / window
    levels: Levels = np.maximum(10 * np.log10(np.maximum(power, 1e-12)), _MIN_LEVEL)
    return levels


def noise_floor(levels: Levels) -> float:
    """Estimate the level of background noise in dB: the 10th percentile, but at most 24 dB below the 95th.

    Sound without pauses has no quiet tenth; the limit keeps it from being taken for noise.
    """
    if not len(levels):
        return _MIN_LEVEL
    quiet, loud = np.percentile(levels, [10, 95])
    return float(min(quiet, loud - 24))


def _hysteresis(begins: npt.NDArray[np.bool_], continues: npt.NDArray[np.bool_]) -> _Runs:
    """Return the runs of `continues` that contain a step of `begins`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], continues | begins, [False]]).astype(np.int8)))
    runs = []
    for first, last in edges.reshape(-1, 2).tolist():
        if begins[first:last].any():
            runs.append((first, last))
    return runs


def _bridge(runs: _Runs, min_gap: float, min_length: float) -> _Runs:
    joined: _Runs = []
    for first, last in runs:
        if joined and (first - joined[-1][1]) * STEP < min_gap:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return [(first, last) for first, last in joined if (last - first) * STEP >= min_length]


def _propose_by_run(sound: Sound, video: VideoReader, run: Path, options: Mapping[str, Any]) -> list[Proposal]:
    _check_names(options, ["threshold", "device", "snap"])
    branch_options = dict(options)
    snap = float(branch_options.pop("snap", SNAP))
    starts = ends = np.zeros(0)
    if snap:
        levels = sound_levels(sound)
        runs = np.array(_loud_runs(levels, noise_floor(levels), EnergyOptions())).reshape(-1, 2)
        starts, ends = runs[:, 0] * STEP, runs[:, 1] * STEP
    # imports torch, which takes seconds and which the default method does not need
    audio_branch = import_module("avseg.annotate.proposals.audio_branch")
    proposals = []
    for label, start, end, score in audio_branch.detect_events(sound.index, run, **branch_options):
        start = _snap(start, starts, snap)
        end = min(_snap(end, ends, snap), video.duration)
        if start < end:
            proposals.append(Proposal(*video.frame_span(start, end), label, score))
    return sorted(proposals, key=lambda proposal: (proposal.start, proposal.end, proposal.label or ""))


def _snap(time: float, edges: npt.NDArray[np.floating], max_distance: float) -> float:
    """Return the nearest edge within a distance, otherwise the time itself."""
    if not len(edges):
        return time
    nearest_edge = float(edges[np.abs(edges - time).argmin()])
    return nearest_edge if abs(nearest_edge - time) <= max_distance else time
