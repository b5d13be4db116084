"""Soundtrack of a synthetic clip: voices at drawn levels, audible exactly in the seconds of the schedule."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
REFERENCE_DB = -20.0  # RMS level of a voice at 0 dB, relative to full scale
NOISE_DB = -62.0
_FADE = 0.02  # seconds
_HOP_LAG = 0.04  # seconds by which the VGGish hop of 0.96 s falls behind in each second
_LONGEST_PAUSE = 0.4


def mix_voices(
    voices: Sequence[NDArray[np.float32]],  # N waveforms of T * 16000 samples with RMS 1
    sounding: NDArray[np.bool_],  # (T, N)
    levels_db: NDArray[np.float64],  # (N,), relative to -20 dB of full scale
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Add up the voices of the objects and faint noise, (T * 16000,); scale the sum down if its peak exceeds 0.99."""
    mixture = rng.standard_normal(len(sounding) * SAMPLE_RATE) * 10 ** (NOISE_DB / 20)  # (T * 16000,)
    for voice, active, level in zip(voices, sounding.T, levels_db, strict=True):
        mixture += voice * loudness_envelope(active) * 10 ** ((REFERENCE_DB + level) / 20)
    return limit_peak(mixture)


def loudness_envelope(active: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Compute the loudness over time of an object that sounds in the given seconds, (T,) bool -> (T * 16000,) in 0..1.

    VGGish patch k covers [0.96 k, 0.96 k + 0.975] s, so it begins 0.04 k s before second k. An object that falls
    silent after a second therefore stops earlier by this lag: patch k contains nothing of the seconds before it. (The
    lag is at most 0.4 s; use one-second patches beyond 10 s.) Fades take 20 ms.
    """
    envelope = np.zeros(len(active) * SAMPLE_RATE, dtype=np.float32)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))  # starts and ends in turn
    for first, end in edges.reshape(-1, 2):  # each run of sounding seconds [first, end)
        lag = 0.0 if end == len(active) else min(_HOP_LAG * end, _LONGEST_PAUSE)
        start = int(first * SAMPLE_RATE)
        stop = round((end - lag) * SAMPLE_RATE)
        envelope[start:stop] = fade_window(stop - start).astype(np.float32)
    return envelope


def fade_window(samples: int) -> NDArray[np.float64]:
    """Return a window of ones with linear fades of 20 ms at both ends, (samples,)."""
    ramp = np.arange(samples)
    distance = np.minimum(ramp, ramp[::-1])  # samples to the nearer end
    return np.minimum(distance / (_FADE * SAMPLE_RATE), 1.0)


def limit_peak(mixture: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scale a mixture down as a whole if its peak exceeds 0.99."""
    return (mixture * min(1.0, 0.99 / float(np.abs(mixture).max()))).astype(np.float32)
