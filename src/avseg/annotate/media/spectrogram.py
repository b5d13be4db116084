"""Log-mel spectrograms of any stretch of a video's sound, as pictures for the time line."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from avseg.annotate.media.sound import Sound
from avseg.media.sound_reader import RATE
from avseg.utils.errors import UserError

BANDS, LOWEST_HZ, HIGHEST_HZ = 96, 50.0, 8000.0
WINDOW, FFT = 512, 1024  # samples: 32 ms, padded so that the lowest bands are not empty
FLOOR_DB, CEILING_DB = -100.0, -10.0  # of full scale; black and white
_PER_COLUMN = 8  # windows in a column at most, evenly spread: an hour costs no more than a minute
_HOP = 160


def tile(sound: Sound, start: float, end: float, columns: int, rows: int) -> npt.NDArray[np.uint8]:
    """The spectrogram of a stretch.

    Neighbouring tiles fit together: the scale is fixed, and nothing is normalised.

    Args:
        sound: of the video.
        start: seconds.
        end: seconds, may lie outside of the sound.
        columns: equal parts of the stretch; each shows the loudest of its windows in each band.
        rows: bands of equal width in mel from 8000 Hz, the first row, to 50 Hz.

    Returns:
        (rows, columns), 0 = -100 dB of full scale or less, 255 = -10 dB or more.

    Raises:
        UserError: no row or column, or an end that is not after the start; the sound cannot be decoded.
    """
    if columns < 1 or rows < 1 or not start < end:
        raise UserError(
            f"spectrogram of {start}-{end} s in {columns} x {rows}: give start < end, 1 column and 1 row or more"
        )
    width = (end - start) * sound.rate / columns
    per_column = int(np.clip(width // _HOP, 1, _PER_COLUMN))
    centres = start * sound.rate + width / per_column * (np.arange(columns * per_column) + 0.5)
    loudest = _log_mel(_windows(sound, centres)).reshape(columns, per_column, BANDS).max(1)
    shades = (loudest - FLOOR_DB) / (CEILING_DB - FLOOR_DB) * 255
    return _to_rows(np.clip(np.round(shades), 0, 255).astype(np.uint8), rows)


def _windows(sound: Sound, centres: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """The samples around each centre, (n, WINDOW)."""
    begins = np.round(centres).astype(np.int64) - WINDOW // 2
    windows = np.zeros((len(begins), WINDOW), np.float32)
    if begins[-1] - begins[0] <= 2 * WINDOW * len(begins):
        wave = sound.read(int(begins[0]), int(begins[-1] - begins[0]) + WINDOW)
        return np.asarray(np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[begins - begins[0]])
    for window, begin in zip(windows, begins, strict=True):
        window[:] = sound.read(int(begin), WINDOW)
    return windows


def _log_mel(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(n, WINDOW) samples -> (n, BANDS) dB against a sine of full scale."""
    levels = np.empty((len(windows), BANDS), np.float32)
    for begin in range(0, len(windows), 1024):  # at most a few megabytes of spectra
        part = slice(begin, begin + 1024)
        spectrum = np.fft.rfft(windows[part] * np.hanning(WINDOW).astype(np.float32), FFT)
        power = (np.square(np.abs(spectrum)) / (WINDOW / 4) ** 2).astype(np.float32) @ _mel_filters()
        levels[part] = 10 * np.log10(np.maximum(power, 1e-12))
    return levels


def _to_rows(shades: npt.NDArray[np.uint8], rows: int) -> npt.NDArray[np.uint8]:
    """(columns, BANDS) -> (rows, columns), high frequencies first."""
    wanted = (np.arange(rows) + 0.5) / rows * BANDS - 0.5
    below = np.clip(np.floor(wanted).astype(np.int64), 0, BANDS - 1)
    above = np.clip(below + 1, 0, BANDS - 1)
    share = np.clip(wanted - below, 0, 1).astype(np.float32)
    mixed = shades[:, below] * (1 - share) + shades[:, above] * share
    return np.ascontiguousarray(np.round(mixed).astype(np.uint8).T[::-1])


@lru_cache(maxsize=1)
def _mel_filters() -> npt.NDArray[np.float32]:
    """(FFT / 2 + 1, BANDS) triangles between frequencies that lie evenly in HTK mel (torchaudio would load torch)."""
    hertz = np.linspace(0, RATE / 2, FFT // 2 + 1)[:, None]
    lowest, highest = 1127 * np.log1p(np.array([LOWEST_HZ, HIGHEST_HZ]) / 700)
    edges = 700 * np.expm1(np.linspace(lowest, highest, BANDS + 2) / 1127)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (hertz - low) / (centre - low), (high - hertz) / (high - centre)
    filters: npt.NDArray[np.float32] = np.maximum(np.minimum(rising, falling), 0).astype(np.float32)
    return filters
