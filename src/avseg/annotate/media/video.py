"""Video to annotate: any frame by number, exactly and quickly, in bounded memory however long the video is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av.error
import numpy as np

from avseg.annotate.backends.opencv import cv
from avseg.annotate.media.index_cache import cache_folder, open_index
from avseg.annotate.media.prefetch import Prefetch
from avseg.annotate.media.scrub_reader import ScrubReader
from avseg.annotate.protocols import Image
from avseg.media.frame_index import FrameIndex
from avseg.media.video import CLOCK_ERROR, UprightRGB
from avseg.utils.errors import UserError
from avseg.utils.lru import LRUCache

READERS = 3  # scrubbing, playback and propagation at three positions do not disturb each other
_IMAGE_BYTES = 48 << 20  # of decoded frames, per reader
_JPEG_BYTES = 48 << 20
_MIN_IMAGES, _MAX_IMAGES = 8, 64  # decoded frames kept per reader


def open_reader(path: Path | str, cache: Path | None = None, audio_track: int | None = None) -> "VideoReader":
    """Open a video for annotation; its frame index is kept in a folder (`.avseg/<video name>` by default).

    `audio_track` is the number of the sound track from 0; None = the default one.

    Raises:
        UserError: missing, empty, not a video, or without a frame that can be decoded.
    """
    path = Path(path)
    return VideoReader(open_index(path, cache or cache_folder(path), audio_track))


class VideoReader:
    """Frames of a video by number, from any thread; a context manager."""

    def __init__(self, index: FrameIndex) -> None:
        video = index.video
        self.path = video.path
        self.index = index
        self.frames = len(index)
        self.fps = float(video.frame_rate)  # the mean if the rate varies
        self.times = video.times  # (n,) seconds from the first frame
        self.height = video.height  # as displayed
        self.width = video.width
        self.pixel_aspect = video.pixel_aspect  # width over height of a pixel
        self.audio_track = video.audio_track  # None = the default one
        self.has_sound = video.sound is not None
        self._lock = threading.Lock()
        self._readers: list[_Reader] = []  # the most recently used one last
        self._jpegs: LRUCache[tuple[int, int, int], bytes] = LRUCache(_JPEG_BYTES, size=len)
        self._prefetch = Prefetch(self.frames)

    @property
    def duration(self) -> float:
        """Duration in seconds, including the last frame."""
        return float(self.index.edges()[-1])

    def image(self, number: int) -> Image:
        """Decode a frame, (H, W, 3) uint8 RGB, upright.

        Raises:
            IndexError: the frame does not exist.
            UserError: the file was removed, or can no longer be read.
        """
        number = self._check_number(number)
        with self._reader(number) as reader:
            return reader.image(number)

    def jpeg(self, number: int, quality: int = 80, width: int | None = None) -> bytes:
        """Encode a frame as JPEG (quality 1 to 100), and prefetch those that are likely to be requested next.

        The width is in pixels; None or more than the width of the video leaves it unchanged.

        Raises:
            IndexError: the frame does not exist.
            UserError: see `image`.
        """
        number = self._check_number(number)
        quality = min(max(int(quality), 1), 100)
        columns = self.width if width is None else min(max(int(width), 1), self.width)
        data = self._cached_jpeg(number, quality, columns)
        self._prefetch.request(number, lambda following: self._cached_jpeg(following, quality, columns))
        return data

    def note(self, number: int) -> str | None:
        """Return the problem of a frame that has been read; None without a problem."""
        with self._lock:
            for reader in self._readers:
                if number in reader.scrub.notes:
                    return reader.scrub.notes[number]
        return None

    def frame_span(self, start: float, end: float) -> tuple[int, int]:
        """Return the frames [first, last + 1) of the interval from `start` to `end` seconds; at least one frame."""
        first = int(self.index.shown_at(np.array([start]))[0])
        return first, max(int(np.searchsorted(self.times, end - CLOCK_ERROR)), first + 1)

    def close(self) -> None:
        """Close the file; the next request opens it again."""
        self._prefetch.close()
        with self._lock:
            readers = self._readers
            self._readers = []
            self._jpegs.clear()
        for reader in readers:
            with reader.lock:
                reader.close()

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_number(self, number: int) -> int:
        if not 0 <= number < self.frames:
            raise IndexError(f"{self.path}: no frame {number} among {self.frames}")
        return int(number)

    def _cached_jpeg(self, number: int, quality: int, columns: int) -> bytes:
        key = (number, quality, columns)
        with self._lock:
            data = self._jpegs.get(key)
        if data is None:
            data = _encode_jpeg(self.image(number), quality, columns)
            with self._lock:
                self._jpegs[key] = data
        return data

    @contextmanager
    def _reader(self, number: int) -> Iterator["_Reader"]:
        """Choose the fastest reader for a frame: one that is near it, otherwise the least recently used one."""
        with self._lock:
            reader = next((reader for reader in reversed(self._readers) if reader.scrub.near(number)), None)
            if reader is None and len(self._readers) < READERS:
                reader = _Reader(self.index)
            elif reader is None:
                reader = self._readers[0]
            if reader in self._readers:
                self._readers.remove(reader)
            self._readers.append(reader)
        with reader.lock:
            yield reader


class _Reader:
    """An open file with its decoder; used by one thread at a time."""

    def __init__(self, index: FrameIndex) -> None:
        self.lock = threading.Lock()
        video = index.video
        frame_bytes = video.height * video.width * 3 // 2
        self.scrub = ScrubReader(index, min(max(_IMAGE_BYTES // frame_bytes, _MIN_IMAGES), _MAX_IMAGES))
        self.upright = UprightRGB(video.view, video.height, video.width)
        self.is_open = False

    def image(self, number: int) -> Image:
        try:
            if not self.is_open:
                self.scrub.__enter__()
                self.is_open = True
            image: Image = self.upright(next(self.scrub.decode([number])).image)
        except (av.error.FFmpegError, OSError) as error:
            self.close()
            raise UserError(f"{self.scrub.index.video.path}: frame {number} cannot be read ({error})") from None
        return image

    def close(self) -> None:
        self.scrub.__exit__()
        self.is_open = False


def _encode_jpeg(image: Image, quality: int, columns: int) -> bytes:
    height, width = image.shape[:2]
    if columns < width:
        size = (columns, max(round(height * columns / width), 1))
        image = cv.resize(image, size, interpolation=cv.INTER_AREA)
    success, data = cv.imencode(".jpg", cv.cvtColor(image, cv.COLOR_RGB2BGR), [cv.IMWRITE_JPEG_QUALITY, quality])
    assert success
    encoded: bytes = data.tobytes()
    return encoded
