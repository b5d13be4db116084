"""A video to annotate: any frame by its number, exactly and quickly, in bounded memory however long it is."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av.error
import numpy as np
import numpy.typing as npt

from avseg.annotate.media.index_cache import cache_folder, open_index
from avseg.annotate.media.prefetch import Prefetch
from avseg.annotate.media.scrub_reader import ScrubReader
from avseg.media.frame_index import FrameIndex
from avseg.media.video import CLOCK_ERROR, UprightRGB
from avseg.utils.errors import UserError

Picture = npt.NDArray[np.uint8]
READERS = 3  # scrubbing, playback and propagation at three places do not disturb one another
_PICTURE_BYTES = 48 << 20  # of decoded frames, for each reader
_JPEG_BYTES = 48 << 20
_FEWEST, _MOST = 8, 64  # decoded frames kept by a reader


def open_film(path: Path | str, cache: Path | None = None) -> "Film":
    """Opens a video for annotation.

    Args:
        path: a video of any container and codec that FFmpeg reads.
        cache: where its table of frames is kept; None = `.avseg/<video name>` beside it.

    Raises:
        UserError: missing, empty, not a video, or without a frame that can be decoded.
    """
    path = Path(path)
    return Film(open_index(path, cache or cache_folder(path)))


class Film:
    """The frames of a video by number, from any thread.

    Attributes:
        path: the file.
        index: the table of its frames.
        frames: how many.
        fps: frames per second, the mean one where the rate varies.
        times: (n,) seconds, when each frame is shown, from the first on.
        height: rows as shown.
        width: columns as shown.
        has_sound: whether there is a sound track.
    """

    def __init__(self, index: FrameIndex) -> None:
        video = index.video
        self.path, self.index = video.path, index
        self.frames, self.fps, self.times = len(index), float(video.frame_rate), video.times
        self.height, self.width, self.has_sound = video.height, video.width, video.sound is not None
        self._lock = threading.Lock()
        self._readers: list[_Reader] = []  # the one used last stands last
        self._jpegs: OrderedDict[tuple[int, int, int], bytes] = OrderedDict()
        self._jpeg_bytes = 0
        self._prefetch = Prefetch(self.frames)

    @property
    def duration(self) -> float:
        """Seconds, the last frame's own included."""
        return float(self.index.edges()[-1])

    def picture(self, number: int) -> Picture:
        """A frame, (H, W, 3) uint8 RGB, upright.

        Raises:
            IndexError: there is no such frame.
            UserError: the file has gone, or cannot be read any more.
        """
        number = self._checked(number)
        with self._reader(number) as reader:
            return reader.picture(number)

    def jpeg(self, number: int, quality: int = 80, width: int | None = None) -> bytes:
        """A frame as a JPEG; those that are likely to be asked for next are made in the meantime.

        Args:
            number: of the frame.
            quality: 1 to 100.
            width: in pixels; None or more than the video has = as it is.

        Raises:
            IndexError: there is no such frame.
            UserError: see `picture`; OpenCV is not installed.
        """
        number, quality = self._checked(number), min(max(int(quality), 1), 100)
        columns = self.width if width is None else min(max(int(width), 1), self.width)
        data = self._made(number, quality, columns)
        self._prefetch.ask(number, lambda following: self._made(following, quality, columns))
        return data

    def note(self, number: int) -> str | None:
        """What is wrong with a frame that has been read; None if nothing."""
        with self._lock:
            return next((reader.notes[number] for reader in self._readers if number in reader.notes), None)

    def frame_span(self, start: float, end: float) -> tuple[int, int]:
        """The frames [first, last + 1) of the time from `start` to `end`, in seconds; at least one frame."""
        first = int(self.index.shown_at(np.array([start]))[0])
        return first, max(int(np.searchsorted(self.times, end - CLOCK_ERROR)), first + 1)

    def close(self) -> None:
        """Closes the file; the film opens it again if it is asked for a frame."""
        self._prefetch.close()
        with self._lock:
            readers, self._readers = self._readers, []
            self._jpegs.clear()
            self._jpeg_bytes = 0
        for reader in readers:
            with reader.lock:
                reader.close()

    def __enter__(self) -> "Film":
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        self.close()

    def _checked(self, number: int) -> int:
        if not 0 <= number < self.frames:
            raise IndexError(f"{self.path}: no frame {number} among {self.frames}")
        return int(number)

    def _made(self, number: int, quality: int, columns: int) -> bytes:
        key = (number, quality, columns)
        with self._lock:
            if key in self._jpegs:
                self._jpegs.move_to_end(key)
                return self._jpegs[key]
        data = _encode(self.picture(number), quality, columns)
        with self._lock:
            if key not in self._jpegs:
                self._jpegs[key] = data
                self._jpeg_bytes += len(data)
            while self._jpeg_bytes > _JPEG_BYTES:
                self._jpeg_bytes -= len(self._jpegs.popitem(last=False)[1])
        return data

    @contextmanager
    def _reader(self, number: int) -> Iterator["_Reader"]:
        """The reader from which a frame is quickest: one that is near it, else the one that was idle the longest."""
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
    """One open file with its decoder; used by one thread at a time."""

    def __init__(self, index: FrameIndex) -> None:
        self.lock = threading.Lock()
        video = index.video
        frame_bytes = video.height * video.width * 3 // 2
        self.scrub = ScrubReader(index, min(max(_PICTURE_BYTES // frame_bytes, _FEWEST), _MOST))
        self.upright = UprightRGB(video.rotation, video.height, video.width)
        self.is_open = False

    @property
    def notes(self) -> dict[int, str]:
        return self.scrub.notes

    def picture(self, number: int) -> Picture:
        try:
            if not self.is_open:
                self.scrub.__enter__()
                self.is_open = True
            picture: Picture = self.upright(next(self.scrub.decode([number])).image)
        except (av.error.FFmpegError, OSError) as error:
            self.close()
            raise UserError(f"{self.scrub.index.video.path}: frame {number} cannot be read ({error})") from None
        return picture

    def close(self) -> None:
        self.scrub.__exit__()
        self.is_open = False


def _encode(picture: Picture, quality: int, columns: int) -> bytes:
    cv2 = _opencv()
    height, width = picture.shape[:2]
    if columns < width:
        size = (columns, max(round(height * columns / width), 1))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    fine, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert fine
    encoded: bytes = data.tobytes()
    return encoded


def _opencv() -> Any:
    try:
        import cv2
    except ImportError:
        raise UserError("OpenCV is not installed; install avseg with the extra 'annotate'") from None
    return cv2
