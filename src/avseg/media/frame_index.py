"""The exact frames of a video by number: which one is the n-th, and how to get it without reading from the start.

Annotations of long videos count frames. A time computed as n / rate misses the frame when the rate varies or the
container rounds; here every frame's own time stamp is read from the packets, and a decoded picture is known by it.
"""

import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from avseg.media.container import decode, open_video, packets, video_stream
from avseg.media.timestamps import Scan
from avseg.media.video import CLOCK_ERROR, Frame, Video, frames, probe
from avseg.utils.errors import UserError

NEAR = 16  # frames; a seek costs about as much as decoding so many
_TABLES = 64  # videos whose tables are kept: 16 bytes a frame


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """The table of a video's frames, in the order of showing.

    Attributes:
        video: what the video is; `video.times` (N,) says when each frame is shown, in seconds from the first.
        stamps: (N,) int64, each frame's time stamp in the container's own units, ascending. Empty where frames carry no
            times of their own (raw streams, AVI): then frames are told apart by counting, and every jump backwards
            begins at the start of the file.
        keyframes: (M,) int64, the numbers of the frames at which decoding can begin.
    """

    video: Video
    stamps: np.ndarray
    keyframes: np.ndarray

    def __len__(self) -> int:
        """N, the number of frames."""
        return len(self.video.times)

    def at_rate(self, rate: float) -> np.ndarray:
        """The frames that are on the screen at the instants 0, 1/rate, 2/rate, ...

        Args:
            rate: instants per second.

        Returns:
            (n,) int64, ascending without repetition: fewer than instants where the video's own rate is lower.

        Raises:
            UserError: the rate is not positive.
        """
        if not rate > 0:
            raise UserError(f"rate is {rate} frames per second; give more than 0")
        ticks = np.arange(int((self.video.duration - CLOCK_ERROR) * rate) + 1) / rate
        return np.unique(self.shown_at(ticks))

    def shown_at(self, times: np.ndarray) -> np.ndarray:
        """The number of the frame on the screen at each time, (n,) seconds from the first frame -> (n,) int64."""
        shown = np.searchsorted(self.video.times, np.asarray(times) + CLOCK_ERROR, side="right") - 1
        return np.clip(shown, 0, len(self) - 1).astype(np.int64)

    def edges(self) -> np.ndarray:
        """(N + 1,) seconds: when each frame begins, and when the last one ends."""
        return np.append(self.video.times, max(self.video.duration, float(self.video.times[-1])))

    def decode(self, numbers: Iterable[int]) -> Iterator[Frame]:
        """Decodes the frames of these numbers, in this order; ascending numbers read the file once."""
        with FrameReader(self) as reader:
            yield from reader.decode(numbers)


def frame_index(path: Path) -> FrameIndex:
    """The table of a video, from its packets alone; only the first picture is decoded, for its size and rotation.

    Where packets carry no time stamps the whole video is decoded once, since only that tells how many frames come out.
    The tables of the last 64 videos are kept.

    Raises:
        UserError: see `avseg.media.video.probe`.
    """
    if not path.is_file():
        return _read_index(path, 0, 0)  # tells what is wrong
    state = path.stat()
    return _read_index(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=_TABLES)
def _read_index(path: Path, size: int, changed: int) -> FrameIndex:
    video = probe(path)
    nothing = np.zeros(0, np.int64)
    if video.timed:
        stamps, keys = _read_stamps(path)
        order = np.argsort(stamps, kind="stable")
        return FrameIndex(video, stamps[order], np.flatnonzero(keys[order]))
    count = sum(1 for _ in frames(video))
    if count != len(video.times):
        video = replace(video, times=np.arange(count) / video.frame_rate, duration=count / video.frame_rate)
    return FrameIndex(video, nothing, nothing)


def _read_stamps(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Time stamps (N,) and whether decoding can begin there (N,), of the frames that are shown, in coded order."""
    stamps: list[int] = []
    keys: list[bool] = []
    with open_video(path) as container:
        stream = video_stream(container, path)
        scan = Scan(stream, None)
        for packet in packets(container, [stream]):
            shown = scan.frames
            scan.read([packet])
            if scan.frames > shown:
                assert packet.pts is not None  # the video is timed
                stamps.append(packet.pts)
                keys.append(packet.is_keyframe)
    return np.array(stamps, np.int64), np.array(keys, np.bool_)


class FrameReader:
    """Decodes frames by number: forwards without seeking, else from the keyframe before; a context manager.

    A frame that the decoder leaves out, for damage, is replaced by the one shown before it, as players do; a warning
    says so.

    Args:
        index: the video's table.
        cache: how many decoded pictures are kept, at least 2; they are what is asked for again at no cost.
    """

    def __init__(self, index: FrameIndex, cache: int = 8) -> None:
        self.index = index
        self.cache = max(cache, 2)
        self.kept: OrderedDict[int, VideoFrame] = OrderedDict()
        self.at = -1  # the last frame that came out of the decoder
        self.file = ExitStack()
        self.container: InputContainer
        self.stream: VideoStream
        self.pictures: Iterator[VideoFrame]

    def __enter__(self) -> "FrameReader":
        """Opens the file."""
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        self.file.close()
        self.kept.clear()

    def decode(self, numbers: Iterable[int]) -> Iterator[Frame]:
        """The frames of these numbers in this order.

        Raises:
            IndexError: there is no such frame.
        """
        for number in numbers:
            if not 0 <= number < len(self.index):
                raise IndexError(f"{self.index.video.path}: no frame {number} among {len(self.index)}")
            if number not in self.kept:
                self._reach(int(number))
            picture = self.kept[number] if number in self.kept else self._shown_before(int(number))
            yield Frame(int(number), float(self.index.video.times[number]), picture)

    def _reach(self, number: int) -> None:
        """Decodes up to a frame, from where it is quickest."""
        starts = self._starts(number)
        if self.at < number and (starts[0] or 0) <= self.at + NEAR:
            self._advance(number)
            return
        for start in starts:
            self._jump(start)
            if self._advance(number):
                return

    def _starts(self, number: int) -> list[int | None]:
        """Where to begin for a frame: its keyframe, should the seek land behind it the one before, then the start."""
        place = int(np.searchsorted(self.index.keyframes, number, side="right"))
        return [*(int(key) for key in self.index.keyframes[max(place - 2, 0) : place][::-1]), None]

    def _jump(self, keyframe: int | None) -> None:
        """To a keyframe; None = the start of the file, by opening it anew, since not every format can seek there."""
        if keyframe is None:
            self.file.close()
            self._open()
            return
        self.container.seek(int(self.index.stamps[keyframe]), stream=self.stream, backward=True)
        self.at = -1
        self.pictures = self._pictures()

    def _open(self) -> None:
        self.container = self.file.enter_context(open_video(self.index.video.path))
        self.stream = video_stream(self.container, self.index.video.path)
        self.at = -1
        self.pictures = self._pictures()

    def _pictures(self) -> Iterator[VideoFrame]:
        for packet in packets(self.container, [self.stream]):
            for picture in decode(packet):
                if isinstance(picture, VideoFrame):
                    yield picture

    def _advance(self, number: int) -> bool:
        """Decodes on until a frame has come out; False if the first to come out lies behind it, or the file ends."""
        first = True
        for picture in self.pictures:
            at = self._number(picture)
            if at is None:
                continue
            self._keep(at, picture)
            if at >= number:
                return at == number or not first
            first = False
        return False

    def _number(self, picture: VideoFrame) -> int | None:
        """Which frame a picture is; None for one that is not to be shown."""
        if not len(self.index.stamps):
            return self.at + 1
        if picture.pts is None:
            return None
        place = int(np.searchsorted(self.index.stamps, picture.pts))
        found = place < len(self.index) and self.index.stamps[place] == picture.pts
        return place if found else None

    def _keep(self, number: int, picture: VideoFrame) -> None:
        self.at = number
        self.kept[number] = picture
        self.kept.move_to_end(number)
        while len(self.kept) > self.cache:
            self.kept.popitem(last=False)

    def _shown_before(self, number: int) -> VideoFrame:
        """What a player shows in place of a frame that cannot be decoded.

        Raises:
            UserError: there is nothing to show.
        """
        path = self.index.video.path
        if not self.kept:
            raise UserError(f"{path}: frame {number} cannot be decoded, nor any near it; fetch the video again")
        earlier = [kept for kept in self.kept if kept < number]
        instead = max(earlier) if earlier else min(self.kept)
        warnings.warn(f"{path}: frame {number} cannot be decoded; frame {instead} stands in for it", stacklevel=2)
        return self.kept[instead]
