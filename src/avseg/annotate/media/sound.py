"""Sound of a video to annotate: the wav file to play, and the waveform of any interval.

Time 0 is the first frame of the video, whatever clock the container uses, so that sound and frames share one timeline.
The sound is written once as a wav file next to the index; waveforms are drawn from the minimum and maximum of each 64
samples, so that an hour is drawn in milliseconds.
"""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from avseg.annotate.media.index_cache import cache_folder, fingerprint, open_index
from avseg.media.frame_index import FrameIndex
from avseg.media.sound_reader import RATE, sound_seconds
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file

BLOCK = 64  # samples per pair of minimum and maximum
_MIN_PAIRS = 4  # per column of a drawing: a block extends into the neighbouring columns by at most a quarter
_FULL_SCALE = 32768.0
_WRITING = threading.Lock()  # concurrent requests write the files only once


class _Files(NamedTuple):
    wav: Path
    peaks: Path
    state: Path


class Sound:
    """Sound of a video; decoded once, on the first request, into a folder (`.avseg/<video name>` by default).

    Raises:
        UserError: the video is missing or damaged.
    """

    def __init__(self, path: Path | str, cache: Path | None = None, audio_track: int | None = None) -> None:
        self.path = Path(path)
        self.folder = cache or cache_folder(self.path)
        self.index: FrameIndex = open_index(self.path, self.folder, audio_track)
        self.rate = RATE  # Hz, that of the models
        self.exists = self.index.video.sound is not None  # without a sound track there is silence

    @property
    def duration(self) -> float:
        """Duration in seconds, that of the video."""
        return self.index.video.duration

    @property
    def samples(self) -> int:
        """Number of samples."""
        return round(self.duration * self.rate)

    def wav(self) -> Path:
        """Return a wav file, mono, 16 bits, that starts at time 0 of the video and has the same duration."""
        return self._files.wav

    def read(self, start: int, count: int) -> npt.NDArray[np.float32]:
        """Read samples [start, start + count), in [-1, 1]; silence outside of the sound."""
        wave = np.zeros(count, np.float32)
        first, last = max(start, 0), min(start + count, self.samples)
        if first < last:
            wave[first - start : last - start] = self._samples[first:last] / np.float32(_FULL_SCALE)
        return wave

    def peaks(self, start: float, end: float, columns: int) -> npt.NDArray[np.float32]:
        """Compute the waveform of an interval in seconds: minimum and maximum sample of each column, (columns, 2)."""
        if columns < 1 or not start < end:
            raise UserError(f"waveform of {start}-{end} s in {columns} columns: give start < end and 1 column or more")
        edges = np.linspace(start, end, columns + 1) * self.rate
        if (edges[-1] - edges[0]) / columns < _MIN_PAIRS * BLOCK:
            begin = int(np.floor(edges[0]))
            wave = self.read(begin, int(np.ceil(edges[-1])) - begin + 1)
            first = np.floor(edges[:-1]).astype(np.int64) - begin
            last = np.maximum(np.ceil(edges[1:]).astype(np.int64) - begin, first + 1)
            return _extremes(wave, wave, first, last)
        pairs = self._peaks
        first = np.clip(np.floor(edges[:-1] / BLOCK), 0, len(pairs)).astype(np.int64)
        last = np.clip(np.ceil(edges[1:] / BLOCK), 0, len(pairs)).astype(np.int64)
        return _extremes(pairs[:, 0], pairs[:, 1], first, last) / np.float32(_FULL_SCALE)

    @cached_property
    def _samples(self) -> npt.NDArray[np.int16]:
        """Samples of the wav, (samples,), memory-mapped; they are at the end of the file."""
        header = self.wav().stat().st_size - 2 * self.samples
        return np.memmap(self.wav(), np.dtype("<i2"), "r", header, (self.samples,))

    @cached_property
    def _peaks(self) -> npt.NDArray[np.int16]:
        """Minimum and maximum of each block of samples, (n, 2), memory-mapped."""
        pairs: npt.NDArray[np.int16] = np.load(self._files.peaks, mmap_mode="r", allow_pickle=False)
        return pairs[: -(-self.samples // BLOCK)]  # earlier versions appended coarser levels

    @cached_property
    def _files(self) -> _Files:
        files = _Files(self.folder / "sound.wav", self.folder / "peaks.npy", self.folder / "sound.json")
        with _WRITING:
            self._ensure(files)
        return files

    def _ensure(self, files: _Files) -> None:
        """Write the files unless they exist and belong to this very video."""
        state: dict[str, object] = {"fingerprint": fingerprint(self.path), "samples": self.samples}
        if self.index.video.audio_track is not None:
            state["audio_track"] = self.index.video.audio_track
        with suppress(OSError, ValueError):
            if json.loads(files.state.read_text(encoding="utf-8")) == state and files.wav.is_file():
                return
        try:
            self._write(files)
            with atomic_file(files.state) as temporary:
                temporary.write_text(json.dumps(state), encoding="utf-8")
        except (OSError, soundfile.LibsndfileError) as error:  # a full disk may be either
            reason = getattr(error, "strerror", None) or error
            raise UserError(
                f"{files.wav}: cannot be written ({reason}); free disk space or fix the permissions"
            ) from None

    def _write(self, files: _Files) -> None:
        """Write the wav and the peaks, one second at a time."""
        peaks = [np.zeros((0, 2), np.int16)]
        with atomic_file(files.wav) as wav, soundfile.SoundFile(os.fsencode(wav), "w", RATE, 1, "PCM_16") as file:
            for second in self._seconds():
                file.write(second)
                starts = np.arange(0, len(second), BLOCK)
                if len(starts):
                    peaks.append(
                        np.stack([np.minimum.reduceat(second, starts), np.maximum.reduceat(second, starts)], 1)
                    )
        with atomic_file(files.peaks) as temporary:
            np.save(temporary, np.concatenate(peaks))

    def _seconds(self) -> Iterator[npt.NDArray[np.int16]]:
        """Yield the samples second by second, cut or padded with silence to the duration of the video."""
        remaining = self.samples
        for second in sound_seconds(self.index.video):
            scaled = np.round(second[: max(remaining, 0)] * _FULL_SCALE)
            yield np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
            remaining -= len(second)
        while remaining > 0:
            yield np.zeros(min(remaining, RATE), np.int16)
            remaining -= RATE


def _extremes(
    low: npt.NDArray[np.generic],
    high: npt.NDArray[np.generic],
    first: npt.NDArray[np.int64],
    last: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """Return the minimum of `low` and the maximum of `high` in each range [first, last), (n, 2); 0 if it is empty."""
    extremes = np.zeros((len(first), 2), np.float32)
    nonempty = first < last
    if nonempty.any():
        begin, end = first[nonempty].min(), last[nonempty].max()
        # reduceat takes starts and ends alternately, and needs an element at the last end
        ranges = np.stack([first[nonempty], last[nonempty]], 1).ravel() - begin
        extremes[nonempty, 0] = np.minimum.reduceat(np.append(low[begin:end], low[end - 1]), ranges)[::2]
        extremes[nonempty, 1] = np.maximum.reduceat(np.append(high[begin:end], high[end - 1]), ranges)[::2]
    return extremes
