"""The sound of a made clip: voices at drawn levels, heard exactly in the seconds in which they sound."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
REFERENCE_DB = -20.0  # level of a voice at 0 dB, root mean square relative to full scale
_NOISE_DB = -62.0
_FADE = 0.02  # seconds
_HOP_LAG = 0.04  # the VGGish hop of 0.96 s falls behind by this much each second
_LONGEST_PAUSE = 0.4


def mix(
    voices: Sequence[NDArray[np.float32]],
    sounding: NDArray[np.bool_],
    levels_db: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Adds up the voices of the objects and a faint noise.

    Args:
        voices: N waves of T * 16000 samples, root mean square 1.
        sounding: (T, N).
        levels_db: (N,), relative to -20 dB of full scale.
        rng: draws the noise.

    Returns:
        (T * 16000,) float32, at most 0.99 in size: a louder mixture is made quieter as a whole.
    """
    wave = rng.standard_normal(len(sounding) * SAMPLE_RATE) * 10 ** (_NOISE_DB / 20)
    for voice, active, level in zip(voices, sounding.T, levels_db, strict=True):
        wave += voice * envelope(active) * 10 ** ((REFERENCE_DB + level) / 20)
    return (wave * min(1.0, 0.99 / float(np.abs(wave).max()))).astype(np.float32)


def envelope(active: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Loudness over time of an object that sounds in the given seconds.

    VGGish patch k covers [0.96 k, 0.96 k + 0.975] s and so begins 0.04 k s before second k. An object that falls
    silent after a second therefore stops by so much earlier: patch k holds nothing of the seconds before it. (The
    pause is at most 0.4 s; beyond 10 s use one-second patches.)

    Args:
        active: (T,) whether the object sounds in second l, that is in [l, l + 1).

    Returns:
        (T * 16000,) float32 in [0, 1], with fades of 20 ms.
    """
    shape = np.zeros(len(active) * SAMPLE_RATE, dtype=np.float32)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))
    for first, end in edges.reshape(-1, 2):
        pause = 0.0 if end == len(active) else min(_HOP_LAG * end, _LONGEST_PAUSE)
        start, stop = int(first * SAMPLE_RATE), round((end - pause) * SAMPLE_RATE)
        shape[start:stop] = _faded(stop - start)
    return shape


def _faded(samples: int) -> NDArray[np.float32]:
    distance = np.minimum(np.arange(samples), np.arange(samples)[::-1])
    return np.minimum(distance / (_FADE * SAMPLE_RATE), 1.0).astype(np.float32)
