"""Sounding schedules of long videos, sampled independently of the image so that they cannot be inferred from it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avseg.data.synthetic.soundtrack import NOISE_DB, REFERENCE_DB, SAMPLE_RATE, fade_window, limit_peak

_SOUNDS = (1.5, 7.0)  # seconds, shortest and longest sound
_PAUSES = (1.5, 6.0)  # seconds
_NEVER_SOUNDING = 0.15  # share of the objects


@dataclass(frozen=True)
class Span:
    """Frames [start, end) in which an object sounds."""

    object_id: int
    start: int
    end: int


def frame_ticks(rng: np.random.Generator, rate: float, duration: float, variable: bool) -> npt.NDArray[np.int64]:
    """Draw the presentation times of the frames of `duration` seconds, (N,) in ticks of 1 / rate.

    A variable rate drops about one frame of six, never the first, never two in a row.
    """
    ticks = np.arange(round(duration * rate))  # all frames
    dropped = rng.uniform(size=len(ticks)) < (0.2 if variable else 0.0)
    dropped[1:] &= ~dropped[:-1]  # never two in a row
    dropped[0] = False
    return ticks[~dropped]


def draw_spans(
    rng: np.random.Generator, num_objects: int, times: npt.NDArray[np.float64], duration: float
) -> list[Span]:
    """Draw spans: each object alternates between sound and pause independently, or never sounds; at least one span.

    `times` (N,) are the seconds at which the frames are shown.
    """
    spans: list[Span] = []
    while not spans:
        for object_id in range(num_objects):
            spans += _draw_object_spans(rng, object_id, times, duration)
    return spans


def _draw_object_spans(
    rng: np.random.Generator, object_id: int, times: npt.NDArray[np.float64], duration: float
) -> list[Span]:
    spans: list[Span] = []
    never_sounds = rng.uniform() < _NEVER_SOUNDING
    sounds = rng.uniform() < 0.5
    time = 0.0
    while time < duration:
        until = time + rng.uniform(*(_SOUNDS if sounds else _PAUSES))
        start = int(np.searchsorted(times, time))
        end = int(np.searchsorted(times, until))
        if sounds and not never_sounds and min(until, duration) - time > 1 and end > start:
            spans.append(Span(object_id, start, end))
        time = until
        sounds = not sounds
    return spans


def mix_spans(
    voices: list[npt.NDArray[np.float32]],
    spans: list[Span],
    edges: npt.NDArray[np.float64],  # (N + 1,) seconds, start of each frame and end of the last one
    levels_db: npt.NDArray[np.float64],  # (objects,), relative to -20 dB of full scale
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Add up voices, each audible exactly while the frames of its spans are shown, and faint noise, (samples,).

    The voices are as long as the video or longer. The mixture is scaled down if its peak exceeds 0.99.
    """
    mixture = rng.standard_normal(round(float(edges[-1]) * SAMPLE_RATE)) * 10 ** (NOISE_DB / 20)
    for span in spans:
        begin = min(round(float(edges[span.start]) * SAMPLE_RATE), len(mixture))
        end = min(round(float(edges[span.end]) * SAMPLE_RATE), len(mixture))  # samples
        level = 10 ** ((REFERENCE_DB + levels_db[span.object_id]) / 20)
        mixture[begin:end] += voices[span.object_id][begin:end] * fade_window(end - begin) * level
    return limit_peak(mixture)
