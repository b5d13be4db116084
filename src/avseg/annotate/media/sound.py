"""The sound of a video to annotate: what is played, and the waveform of any stretch of it.

Time 0 is the video's first frame, whatever clock the container keeps, so that sound and pictures have one time line.
The sound is written once as a wav file beside the index; the waveform is drawn from a pyramid of lowest and highest
samples, so that an hour takes as long to draw as a second.
"""

import json
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

BLOCK = 64  # samples in a pair of the finest level
_FACTOR = 4  # pairs of a level in one of the next
_PER_COLUMN = 4  # pairs in a column of a drawing at least: it shows no more than that share of its neighbours
_FULL = 32768.0
Pairs = npt.NDArray[np.int16]
_WRITING = threading.Lock()  # two that want one sound do not both write it


class _Files(NamedTuple):
    wav: Path
    peaks: Path
    about: Path


class Sound:
    """The sound of a video; made ready when it is asked for first, which decodes it once.

    Args:
        path: of the video.
        cache: where the wav and the pyramid are kept; None = `.avseg/<video name>` beside it.

    Attributes:
        rate: samples per second, 16,000: what the models hear.
        exists: whether there is a sound track; if not the sound is silence.

    Raises:
        UserError: the video is missing or damaged.
    """

    def __init__(self, path: Path | str, cache: Path | None = None) -> None:
        self.path = Path(path)
        self.folder = cache or cache_folder(self.path)
        self.index: FrameIndex = open_index(self.path, self.folder)
        self.rate, self.exists = RATE, self.index.video.sound is not None

    @property
    def duration(self) -> float:
        """Seconds, as long as the video."""
        return self.index.video.duration

    @property
    def samples(self) -> int:
        """How many there are."""
        return round(self.duration * self.rate)

    def wav(self) -> Path:
        """A wav file of one channel with 16 bits that begins at the video's time 0 and is as long as the video.

        Raises:
            UserError: the sound cannot be decoded, or its folder cannot be written to.
        """
        return self._files.wav

    def read(self, start: int, count: int) -> npt.NDArray[np.float32]:
        """Samples `start` to `start + count`, in [-1, 1]; silence outside of the sound.

        Raises:
            UserError: see `wav`.
        """
        heard = np.zeros(count, np.float32)
        first, last = max(start, 0), min(start + count, self.samples)
        if first < last:
            heard[first - start : last - start] = self._samples[first:last] / np.float32(_FULL)
        return heard

    def peaks(self, start: float, end: float, columns: int) -> npt.NDArray[np.float32]:
        """The waveform of a stretch, for drawing.

        Args:
            start: seconds.
            end: seconds, may lie outside of the sound.
            columns: equal parts of the stretch.

        Returns:
            (columns, 2) lowest and highest sample in each part, in [-1, 1]; 0 outside of the sound.

        Raises:
            UserError: no column, or an end that is not after the start; see `wav`.
        """
        if columns < 1 or not start < end:
            raise UserError(f"waveform of {start}-{end} s in {columns} columns: give start < end and 1 column or more")
        edges = np.linspace(start, end, columns + 1) * self.rate
        level = self._level((edges[-1] - edges[0]) / columns)
        if level < 0:
            return self._from_samples(edges)
        pairs, step = self._pyramid[level], BLOCK * _FACTOR**level
        first = np.clip(np.floor(edges[:-1] / step), 0, len(pairs)).astype(np.int64)
        last = np.clip(np.ceil(edges[1:] / step), 0, len(pairs)).astype(np.int64)
        return _extremes(pairs[..., 0], pairs[..., 1], first, last) / np.float32(_FULL)

    def _from_samples(self, edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        begin = int(np.floor(edges[0]))
        wave = self.read(begin, int(np.ceil(edges[-1])) - begin + 1)
        first = np.floor(edges[:-1]).astype(np.int64) - begin
        last = np.maximum(np.ceil(edges[1:]).astype(np.int64) - begin, first + 1)
        return _extremes(wave, wave, first, last)

    def _level(self, per_column: float) -> int:
        """The coarsest level that is fine enough for a column of so many samples; -1 = the samples themselves."""
        level = -1
        while level + 1 < len(self._pyramid) and _PER_COLUMN * BLOCK * _FACTOR ** (level + 1) <= per_column:
            level += 1
        return level

    @cached_property
    def _samples(self) -> npt.NDArray[np.int16]:
        """The wav's samples, mapped; they are the last thing in it."""
        header = self.wav().stat().st_size - 2 * self.samples
        return np.memmap(self.wav(), np.dtype("<i2"), "r", header, (self.samples,))

    @cached_property
    def _pyramid(self) -> list[Pairs]:
        """The levels, mapped: of the finest each pair stands for `BLOCK` samples."""
        pairs: Pairs = np.load(self._files.peaks, mmap_mode="r", allow_pickle=False)
        levels, begin = [], 0
        for size in _sizes(self.samples):
            levels.append(pairs[begin : begin + size])
            begin += size
        return levels

    @cached_property
    def _files(self) -> _Files:
        files = _Files(self.folder / "sound.wav", self.folder / "peaks.npy", self.folder / "sound.json")
        with _WRITING:
            self._ensure(files)
        return files

    def _ensure(self, files: _Files) -> None:
        """Writes the files unless they are there and of this very video."""
        state = {"fingerprint": fingerprint(self.path), "samples": self.samples}
        with suppress(OSError, ValueError):
            if json.loads(files.about.read_text(encoding="utf-8")) == state and files.wav.is_file():
                return
        try:
            _write(files, self._seconds(), self.samples)
            with atomic_file(files.about) as temporary:
                temporary.write_text(json.dumps(state), encoding="utf-8")
        except OSError as error:
            raise UserError(f"{files.wav}: cannot be written ({error.strerror}); make room or give rights") from None

    def _seconds(self) -> Iterator[npt.NDArray[np.int16]]:
        left = self.samples
        for second in sound_seconds(self.index.video):
            yield np.clip(np.round(second[: max(left, 0)] * _FULL), -_FULL, _FULL - 1).astype(np.int16)
            left -= len(second)
        while left > 0:
            yield np.zeros(min(left, RATE), np.int16)
            left -= RATE


def _write(files: _Files, seconds: Iterator[npt.NDArray[np.int16]], samples: int) -> None:
    """Writes the wav and the pyramid, a second at a time."""
    finest = []
    with atomic_file(files.wav) as wav, soundfile.SoundFile(wav, "w", RATE, 1, "PCM_16") as file:
        for second in seconds:
            file.write(second)
            finest.append(_pairs(second, second, BLOCK))
    levels = [np.concatenate(finest) if finest else np.zeros((0, 2), np.int16)]
    while len(levels) < len(_sizes(samples)):
        levels.append(_pairs(levels[-1][:, 0], levels[-1][:, 1], _FACTOR))
    with atomic_file(files.peaks) as temporary:
        np.save(temporary, np.concatenate(levels))


def _sizes(samples: int) -> list[int]:
    """How many pairs each level has, the finest first."""
    sizes = [-(-samples // BLOCK)]
    while sizes[-1] > _FACTOR:
        sizes.append(-(-sizes[-1] // _FACTOR))
    return sizes


def _pairs(low: npt.NDArray[np.int16], high: npt.NDArray[np.int16], step: int) -> Pairs:
    """Lowest and highest of each `step` values."""
    if not len(low):
        return np.zeros((0, 2), np.int16)
    begins = np.arange(0, len(low), step)
    return np.stack([np.minimum.reduceat(low, begins), np.maximum.reduceat(high, begins)], 1)


def _extremes(
    low: npt.NDArray[np.generic],
    high: npt.NDArray[np.generic],
    first: npt.NDArray[np.int64],
    last: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """Lowest and highest value of each range [first, last), (n, 2); 0 for an empty range."""
    found = np.zeros((len(first), 2), np.float32)
    for place in np.flatnonzero(first < last):
        part = slice(first[place], last[place])
        found[place] = low[part].min(), high[part].max()
    return found
