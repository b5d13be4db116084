"""Random access to the frames of a video by exact number.

Annotations of long videos count frames. A time computed as n / rate misses the frame if the rate varies or the
container rounds; therefore every frame's own time stamp is read from the packets, and identifies the decoded frame.
"""

import math
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from avseg.media.container import images, open_video, packets, video_stream
from avseg.media.frames import frames
from avseg.media.timestamps import Scan, displaced, stated_end
from avseg.media.video import CLOCK_ERROR, Frame, Video, probe
from avseg.utils.errors import UserError

SEEKS_BYTES = ("mpegts", "mpeg")  # containers that can be read from any byte
NEAR = 16  # frames; a seek costs about as much as decoding this many
_MAX_INDICES = 64  # videos whose indices are cached: 16 bytes per frame


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """The frames of a video in display order.

    Where frames carry no time stamps (raw streams, AVI) `stamps` is empty: frames are identified by counting, and a
    step backwards restarts at the beginning.
    """

    video: Video  # `video.times` (N,) holds the display times
    stamps: np.ndarray  # (N,) int64, time stamps in the container's units, ascending
    keyframes: np.ndarray  # (M,) int64, numbers of the frames at which decoding can start
    # (M,) int64, their bytes in the file, by which a file with several clocks is searched; otherwise empty
    positions: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        """Return N, the number of frames."""
        return len(self.video.times)

    def at_rate(self, rate: float) -> np.ndarray:
        """Select the frames displayed at 0, 1/rate, 2/rate, ... seconds, each once: (n,) int64, ascending."""
        if not rate > 0:
            raise UserError(f"rate is {rate} frames per second; use more than 0")
        grid = np.arange(int((self.video.duration - CLOCK_ERROR) * rate) + 1) / rate
        return np.unique(self.shown_at(grid))

    def shown_at(self, times: np.ndarray) -> np.ndarray:
        """Return the frame displayed at each time, (n,) seconds from the first frame -> (n,) int64."""
        # a frame that starts within the clock's rounding error counts as started
        numbers = np.searchsorted(self.video.times, np.asarray(times) + CLOCK_ERROR, side="right") - 1
        return np.clip(numbers, 0, len(self) - 1).astype(np.int64)

    def edges(self) -> np.ndarray:
        """Return (N + 1,) seconds: the start of each frame and the end of the last one."""
        return np.append(self.video.times, max(self.video.duration, float(self.video.times[-1])))

    def decode(self, numbers: Iterable[int]) -> Iterator[Frame]:
        """Decode frames in the given order; ascending numbers read the file once."""
        with FrameReader(self) as reader:
            yield from reader.decode(numbers)


def frame_index(path: Path, audio_track: int | None = None) -> FrameIndex:
    """Build, or take from the cache, the frame index of a video; arguments and errors of `avseg.media.video.probe`.

    Only packets are read, and one frame is decoded for its size and rotation. Where packets carry no time stamps, the
    whole video is decoded once, because the number of packets may differ from the number of frames.
    """
    if not path.is_file():
        return _read_index(path, 0, 0, audio_track)  # raises the error
    state = path.stat()
    # size and time of modification are part of the cache key, so that a changed file is read again
    return _read_index(path, state.st_size, state.st_mtime_ns, audio_track)


@lru_cache(maxsize=_MAX_INDICES)
def _read_index(path: Path, size: int, modified: int, audio_track: int | None) -> FrameIndex:
    video = probe(path, audio_track)
    if video.timed:
        return _read_stamps(video)
    # without time stamps only decoding reveals the number of frames
    count = sum(1 for _ in frames(video))
    if count != len(video.times):
        video = replace(video, times=np.arange(count) / video.frame_rate, duration=count / video.frame_rate)
    return FrameIndex(video, np.zeros(0, np.int64), np.zeros(0, np.int64))


def _read_stamps(video: Video) -> FrameIndex:
    """Read time stamps and keyframes from the packets."""
    stamps: list[int] = []
    is_key: list[bool] = []
    positions: list[int] = []
    with open_video(video.path) as container:
        stream = video_stream(container, video.path)
        scan = Scan(stream, None, math.inf if video.clock else stated_end(container))
        for packet in packets(container, [stream], video.clock):
            count = scan.frames
            scan.read([packet])
            if scan.frames > count:  # the packet holds a displayed frame
                assert packet.pts is not None  # the video is timed
                stamps.append(packet.pts)
                is_key.append(packet.is_keyframe)
                positions.append(-1 if packet.pos is None else packet.pos)
    # in display order; of two frames at one time only one is shown
    shown = ~displaced(np.asarray(scan.stamps), scan.end)
    ordered, order = np.unique(np.array(stamps, np.int64)[shown], return_index=True)
    starts = np.array(positions, np.int64)[shown][order]
    keyframes = np.flatnonzero(np.array(is_key, np.bool_)[shown][order])
    if not video.clock:
        return FrameIndex(video, ordered, keyframes)
    if video.container not in SEEKS_BYTES:
        return FrameIndex(video, ordered, np.zeros(0, np.int64))
    keyframes = keyframes[starts[keyframes] >= 0]
    return FrameIndex(video, ordered, keyframes, starts[keyframes])


class FrameReader:
    """Decode frames by number: forwards without seeking, otherwise from the preceding keyframe; a context manager.

    A frame that the decoder drops because of damage is replaced by the frame displayed before it, as players do, with
    a warning.
    """

    def __init__(self, index: FrameIndex, cache: int = 8) -> None:
        self.index = index
        self.cache = max(cache, 2)  # decoded frames kept for repeated requests
        self.kept: OrderedDict[int, VideoFrame] = OrderedDict()
        self.at = -1  # number of the last decoded frame
        self.file = ExitStack()
        self.container: InputContainer
        self.stream: VideoStream
        self.decoded: Iterator[VideoFrame]

    def __enter__(self) -> "FrameReader":
        """Open the file."""
        self._jump(None)
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file and drop the cached frames."""
        self.file.close()
        self.kept.clear()

    def decode(self, numbers: Iterable[int]) -> Iterator[Frame]:
        """Decode frames in the given order; raises `IndexError` for a number that is not below the number of frames."""
        for number in numbers:
            if not 0 <= number < len(self.index):
                raise IndexError(f"{self.index.video.path}: no frame {number} among {len(self.index)}")
            if number not in self.kept:
                self._reach(int(number))
            image = self.kept[number] if number in self.kept else self._shown_before(int(number))
            yield Frame(int(number), float(self.index.video.times[number]), image)

    def _reach(self, number: int) -> None:
        """Decode up to a frame, from the nearest start."""
        starts = self._starts(number)
        # reading on is cheaper than a seek if the keyframe is behind the current frame or close to it
        if self.at < number and (starts[0] or 0) <= self.at + NEAR:
            self._advance(number)
            return
        for start in starts:
            self._jump(start)
            if self._advance(number):
                return

    def _starts(self, number: int) -> list[int | None]:
        """List starts for decoding a frame: its keyframe, the one before in case the seek overshoots, the beginning."""
        count = int(np.searchsorted(self.index.keyframes, number, side="right"))  # keyframes up to the frame
        starts: list[int | None] = self.index.keyframes[max(count - 2, 0) : count][::-1].tolist()
        return [*starts, None]

    def _jump(self, keyframe: int | None) -> None:
        """Seek to a keyframe; None reopens the file, since not every format can seek to its beginning."""
        if keyframe is None or not self._seek(keyframe):
            self.file.close()
            self.container = self.file.enter_context(open_video(self.index.video.path))
            self.stream = video_stream(self.container, self.index.video.path)
        self.at = -1
        self.decoded = self._decoded_frames()

    def _seek(self, keyframe: int) -> bool:
        """Seek to a keyframe; False if the file is too damaged for it."""
        try:
            if len(self.index.positions):
                position = self.index.positions[np.searchsorted(self.index.keyframes, keyframe)]
                self.container.seek(int(position), unsupported_byte_offset=True)
            else:
                self.container.seek(int(self.index.stamps[keyframe]), stream=self.stream, backward=True)
        except FFmpegError:
            return False
        return True

    def _decoded_frames(self) -> Iterator[VideoFrame]:
        return images(self.container, self.stream, self.index.video.clock)  # subclasses may skip some

    def _advance(self, number: int) -> bool:
        """Decode until a frame is reached; False if the seek overshot it, or the file ends before it."""
        first = True
        later = 0  # frames after the requested one; the time stamp of one of them may be damaged
        for image in self.decoded:
            at = self._number(image)
            if at is None:
                continue
            self._keep(at, image)
            if at == number:
                return True
            if at > number and first:
                return False
            later += at > number
            if later == 2:  # the requested frame is damaged and was dropped
                return True
            first = False
        return False

    def _number(self, image: VideoFrame) -> int | None:
        """Identify a decoded frame; None if it is not displayed."""
        if not len(self.index.stamps):
            return self.at + 1
        if image.pts is None:
            return None
        number = int(np.searchsorted(self.index.stamps, image.pts))
        exact = number < len(self.index) and self.index.stamps[number] == image.pts
        return number if exact else None

    def _keep(self, number: int, image: VideoFrame) -> None:
        self.at = number
        self.kept[number] = image
        self.kept.move_to_end(number)
        while len(self.kept) > self.cache:
            self.kept.popitem(last=False)

    def substitute(self, number: int) -> int:
        """Return the kept frame in place of one that cannot be decoded: the last before it, else the first after."""
        earlier = [kept for kept in self.kept if kept < number]
        return max(earlier) if earlier else min(self.kept)

    def _shown_before(self, number: int) -> VideoFrame:
        """Return the replacement for a frame that cannot be decoded; `UserError` if the file has none near it."""
        path = self.index.video.path
        if not self.kept:
            raise UserError(f"{path}: frame {number} cannot be decoded, nor any near it; fetch the video again")
        substitute = self.substitute(number)
        warnings.warn(f"{path}: frame {number} cannot be decoded; frame {substitute} is used instead", stacklevel=2)
        return self.kept[substitute]
