"""Who sounds when in a made long video: drawn without a look at the picture, so that nothing visible gives it away."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avseg.data.synthetic.soundtrack import REFERENCE_DB, SAMPLE_RATE

_SOUNDS = (1.5, 7.0)  # seconds, shortest and longest stretch
_PAUSES = (1.5, 6.0)
_MUTE = 0.15  # share of the objects that are seen and never heard
_FADE = 0.02  # seconds
_NOISE_DB = -62.0


@dataclass(frozen=True)
class Span:
    """Object `item` sounds from frame `start` up to, not including, frame `end`."""

    item: int
    start: int
    end: int


def frame_times(rng: np.random.Generator, rate: float, duration: float, varying: bool) -> npt.NDArray[np.int64]:
    """When the frames of a video are shown, (N,) in ticks of 1 / rate.

    Args:
        rng: draws which frames a varying rate leaves out: about one of six, never two in a row, nor the first.
        rate: ticks per second.
        duration: seconds.
        varying: whether the rate varies.
    """
    ticks = np.arange(round(duration * rate))
    gone = rng.uniform(size=len(ticks)) < (0.2 if varying else 0.0)
    gone[1:] &= ~gone[:-1]
    gone[0] = False
    return ticks[~gone]


def draw_spans(rng: np.random.Generator, items: int, times: npt.NDArray[np.float64], duration: float) -> list[Span]:
    """Draws stretches of sound: each object for itself sounds and pauses by turns, some never do; one at least does.

    Args:
        rng: draws the spans; it has no part in the picture.
        items: number of objects.
        times: (N,) seconds, when each frame is shown.
        duration: seconds.
    """
    while True:
        spans = [span for item in range(items) for span in _draw_item(rng, item, times, duration)]
        if spans:
            return spans


def _draw_item(rng: np.random.Generator, item: int, times: npt.NDArray[np.float64], duration: float) -> list[Span]:
    spans: list[Span] = []
    mute, sounds = rng.uniform() < _MUTE, rng.uniform() < 0.5
    now = 0.0
    while now < duration:
        longest = rng.uniform(*(_SOUNDS if sounds else _PAUSES))
        start, end = (int(np.searchsorted(times, moment)) for moment in (now, now + longest))
        if sounds and not mute and min(now + longest, duration) - now > 1 and end > start:
            spans.append(Span(item, start, end))
        now, sounds = now + longest, not sounds
    return spans


def mix_spans(
    voices: list[npt.NDArray[np.float32]],
    spans: list[Span],
    edges: npt.NDArray[np.float64],
    levels_db: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Adds up voices, each heard exactly while the frames of its spans are shown, and a faint noise.

    Args:
        voices: of the objects, at 16 kHz with root mean square 1, at least as long as the video.
        spans: who sounds when.
        edges: (N + 1,) seconds, when each frame begins, and when the last one ends.
        levels_db: of the objects, relative to -20 dB of full scale.
        rng: draws the noise.

    Returns:
        (samples,), at most 0.99 in size: a louder mixture is made quieter as a whole.
    """
    wave = rng.standard_normal(round(float(edges[-1]) * SAMPLE_RATE)) * 10 ** (_NOISE_DB / 20)
    for span in spans:
        begin, end = (min(round(float(edges[frame]) * SAMPLE_RATE), len(wave)) for frame in (span.start, span.end))
        distance = np.minimum(np.arange(end - begin), np.arange(end - begin)[::-1])
        fade = np.minimum(distance / (_FADE * SAMPLE_RATE), 1.0)
        level = 10 ** ((REFERENCE_DB + levels_db[span.item]) / 20)
        wave[begin:end] += voices[span.item][begin:end] * fade * level
    return (wave * min(1.0, 0.99 / float(np.abs(wave).max()))).astype(np.float32)
