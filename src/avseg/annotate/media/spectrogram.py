"""Log-mel spectrograms of any interval of a video's sound, as images for the timeline."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from avseg.annotate.media.sound import Sound
from avseg.media.sound_reader import RATE
from avseg.utils.errors import UserError

BANDS, MIN_HZ, MAX_HZ = 96, 50.0, 8000.0
WINDOW, FFT = 512, 1024  # samples: 32 ms, zero-padded so that the lowest bands are not empty
MIN_DB, MAX_DB = -100.0, -10.0  # of full scale; black and white
_MAX_PER_COLUMN = 8  # windows, evenly spaced: an hour costs no more than a minute
_HOP = 160
_BATCH = 1024  # windows: a few megabytes of spectra


def tile(sound: Sound, start: float, end: float, columns: int, rows: int) -> npt.NDArray[np.uint8]:
    """Compute the spectrogram (rows, columns) of an interval in seconds, which may be outside of the sound.

    Each column shows the maximum of its windows per band; rows have equal width in mel, from 8000 Hz to 50 Hz. A shade
    of 0 is -100 dB of full scale or less, 255 is -10 dB or more; nothing is normalised, so that adjacent tiles match.
    """
    if columns < 1 or rows < 1 or not start < end:
        raise UserError(
            f"spectrogram of {start}-{end} s in {columns} x {rows}: give start < end, 1 column and 1 row or more"
        )
    width = (end - start) * sound.rate / columns  # samples
    per_column = int(np.clip(width // _HOP, 1, _MAX_PER_COLUMN))
    centres = start * sound.rate + width / per_column * (np.arange(columns * per_column) + 0.5)
    levels = _log_mel(_windows(sound, centres)).reshape(columns, per_column, BANDS).max(1)  # (columns, BANDS)
    shades = (levels - MIN_DB) / (MAX_DB - MIN_DB) * 255
    return _to_rows(np.clip(np.round(shades), 0, 255).astype(np.uint8), rows)


def _windows(sound: Sound, centres: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Read the samples around each centre, (n, WINDOW)."""
    begins = np.round(centres).astype(np.int64) - WINDOW // 2
    if begins[-1] - begins[0] <= 2 * WINDOW * len(begins):  # dense: one read is faster
        wave = sound.read(int(begins[0]), int(begins[-1] - begins[0]) + WINDOW)
        return np.asarray(np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[begins - begins[0]])
    return np.stack([sound.read(int(begin), WINDOW) for begin in begins])


def _log_mel(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(n, WINDOW) samples -> (n, BANDS) dB relative to a full-scale sine."""
    levels = np.empty((len(windows), BANDS), np.float32)
    for begin in range(0, len(windows), _BATCH):
        batch = slice(begin, begin + _BATCH)
        spectrum = np.fft.rfft(windows[batch] * np.hanning(WINDOW).astype(np.float32), FFT)
        power = (np.square(np.abs(spectrum)) / (WINDOW / 4) ** 2).astype(np.float32) @ _mel_filters()
        levels[batch] = 10 * np.log10(np.maximum(power, 1e-12))
    return levels


def _to_rows(shades: npt.NDArray[np.uint8], rows: int) -> npt.NDArray[np.uint8]:
    """(columns, BANDS) -> (rows, columns), linearly interpolated, high frequencies first."""
    positions = (np.arange(rows) + 0.5) / rows * BANDS - 0.5  # (rows,), in bands
    low = np.clip(np.floor(positions).astype(np.int64), 0, BANDS - 1)
    high = np.clip(low + 1, 0, BANDS - 1)
    weight = np.clip(positions - low, 0, 1).astype(np.float32)
    mixed = shades[:, low] * (1 - weight) + shades[:, high] * weight  # (columns, rows)
    return np.ascontiguousarray(np.round(mixed).astype(np.uint8).T[::-1])


@lru_cache(maxsize=1)
def _mel_filters() -> npt.NDArray[np.float32]:
    """Return triangles evenly spaced in HTK mel, (FFT / 2 + 1, BANDS); torchaudio would import torch."""
    hertz = np.linspace(0, RATE / 2, FFT // 2 + 1)[:, None]
    min_mel, max_mel = 1127 * np.log1p(np.array([MIN_HZ, MAX_HZ]) / 700)
    edges = 700 * np.expm1(np.linspace(min_mel, max_mel, BANDS + 2) / 1127)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (hertz - low) / (centre - low)
    falling = (high - hertz) / (high - centre)
    filters: npt.NDArray[np.float32] = np.maximum(np.minimum(rising, falling), 0).astype(np.float32)
    return filters
