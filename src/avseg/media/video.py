"""Any video: what it is, its frames one by one, and its sound second by second.

Everything here streams: of a video of any length one picture and one second of sound are held at a time (and eight
bytes per frame for its time). Second 0 begins with the first frame, whatever clock the container keeps.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from avseg.media.container import decode, open_video, packets, sound_stream, video_stream
from avseg.media.timestamps import Scan
from avseg.utils.errors import UserError

SUFFIXES = frozenset(
    f".{name}"
    for names in ("3gp asf avi flv gif m2ts m4v mkv mov mp4", "mpeg mpg mts mxf ogv ts vob webm wmv")
    for name in names.split()
)
GAP = 0.05  # seconds; smaller differences between the times of sound and picture are rounding and coding delay
CLOCK_ERROR = 1e-3  # seconds; Matroska and WebM keep whole milliseconds


@dataclass(frozen=True)
class Sound:
    """The first-choice sound track: codec name, samples per second, channel layout ("mono", "stereo", "5.1", ...)."""

    codec: str
    rate: int
    layout: str


@dataclass(frozen=True, eq=False)
class Video:
    """What `probe` found out.

    Attributes:
        path: the file.
        container: the format's name, such as "matroska,webm".
        codec: the picture codec's name.
        height: rows as shown, that is after the rotation.
        width: columns as shown.
        rotation: counter-clockwise turn in degrees that the container asks for: 0, 90, 180 or 270.
        frame_rate: frames per second (the mean one where the rate varies).
        constant_rate: whether every frame lies within half a frame of its place at `frame_rate`.
        times: (N,) float64, when each frame is shown, in seconds from the first.
        duration: seconds, the last frame's own included.
        start: the container's time of the first frame, in seconds.
        lead: seconds of sound before the first frame.
        timed: whether decoded frames carry their times; if not (raw streams, AVI), frames are told apart by counting.
        missing: seconds of the end that the header promises and the file does not hold (a truncated file); else 0.
        sound: None without a sound track.
    """

    path: Path
    container: str
    codec: str
    height: int
    width: int
    rotation: int
    frame_rate: float
    constant_rate: bool
    times: np.ndarray
    duration: float
    start: float
    lead: float
    timed: bool
    missing: float
    sound: Sound | None

    @property
    def seconds(self) -> int:
        """Number of seconds, a partial last one included if a frame starts in it or it is longer than 1/16 s."""
        return max(second_of(float(self.times[-1])) + 1, math.ceil(self.duration - 1 / 16))


class Frame(NamedTuple):
    """One decoded picture: its number in the video, its time in seconds from the first frame, and FFmpeg's picture."""

    number: int
    time: float
    picture: VideoFrame


def second_of(time: float) -> int:
    """The second that a frame's time lies in, with patience for clocks of whole milliseconds."""
    return int(time + CLOCK_ERROR)


def probe(path: Path) -> Video:
    """Reads a file's packets once, decodes its first picture, and says what the video is.

    Raises:
        UserError: the file is missing, empty, not a video, or has no frame that can be decoded.
    """
    with open_video(path) as container:
        stream, sound = video_stream(container, path), sound_stream(container)
        scan = Scan(stream, sound)
        scan.read(packets(container, [stream, *([sound] if sound else [])]))
        header = _read_header(container, stream, sound if scan.sound_packets else None)
    if not scan.frames:
        raise UserError(f"{path}: holds no frames; give a video that plays")
    height, width, rotation = _first_picture(path)
    times, start, rate = scan.timeline(header.rate)
    timed = scan.timed and "avi" not in header.container.split(",")  # AVI keeps the order of coding only
    lead = start - header.sound_start if timed else 0.0
    missing = header.promised - (max(scan.video_end, scan.sound_end if header.joint else -math.inf) - min(start, 0.0))
    return Video(
        path=path,
        container=header.container,
        codec=header.codec,
        height=height,
        width=width,
        rotation=rotation,
        frame_rate=rate,
        constant_rate=bool(np.all(np.abs(times - np.arange(len(times)) / rate) <= 0.5 / rate + CLOCK_ERROR)),
        times=times,
        duration=float(times[-1]) + _last_duration(scan.last_duration, 1 / rate, header.end - start - float(times[-1])),
        start=start if timed else 0.0,
        lead=lead if lead > GAP else 0.0,
        timed=timed,
        missing=missing if missing > 0.5 + 2 / rate else 0.0,
        sound=header.sound,
    )


def frames(video: Video) -> Iterator[Frame]:
    """Decodes the frames in the order of showing; damaged packets are passed over.

    Raises:
        UserError: not one frame could be decoded.
    """
    with open_video(video.path) as container:
        stream = video_stream(container, video.path)
        clock = FrameClock(video)
        for packet in packets(container, [stream]):
            for picture in decode(packet):
                if isinstance(picture, VideoFrame):
                    yield clock.frame(picture)
    if clock.count == 0:
        raise UserError(f"{video.path}: none of its frames can be decoded; the file is damaged")


def official_frames(video: Video) -> list[int]:
    """The one frame that stands for each second, by AVSBench's rule.

    With r = round(frame rate) it is frame int(l r + 15 r / 16) of second l, clamped to the last one. On a long video
    of a broken rate that rule drifts away from the sound (29.97: one frame each 33 s); where it has left its own
    second, and where the frame rate varies, it is the frame nearest to the instant l + 15/16 s.
    """
    last = len(video.times) - 1
    rounded = round(video.frame_rate)
    chosen = []
    for second in range(video.seconds):
        index = min(int(second * rounded + 15 * rounded / 16), last)
        strayed = second_of(float(video.times[index])) != second
        if not video.constant_rate or strayed:
            index = _nearest(video.times, second + 15 / 16)
        chosen.append(index)
    return chosen


class FrameClock:
    """Gives each decoded picture of a video its number and its time."""

    def __init__(self, video: Video) -> None:
        self.video = video
        self.count = 0

    def frame(self, picture: VideoFrame) -> Frame:
        """The next picture in the order of showing."""
        index = min(self.count, len(self.video.times) - 1)
        if self.video.timed and picture.time is not None:
            # decoders may leave out frames (of a broken start, say), so the time says which frame this is
            index = _nearest(self.video.times, picture.time - self.video.start)
        self.count += 1
        return Frame(index, float(self.video.times[index]), picture)


class UprightRGB:
    """Turns decoded pictures into upright RGB arrays of one size.

    Args:
        rotation: counter-clockwise turn, a multiple of 90 degrees.
        height: rows of the result.
        width: columns of the result.
    """

    def __init__(self, rotation: int, height: int, width: int) -> None:
        self.quarters = rotation // 90 % 4
        self.height, self.width = (width, height) if self.quarters % 2 else (height, width)
        self.reformatter = VideoReformatter()  # one for all frames: setting it up costs more than using it

    def __call__(self, picture: VideoFrame) -> np.ndarray:
        """The picture as (H, W, 3) uint8, bilinear where the size differs."""
        rgb = self.reformatter.reformat(picture, self.width, self.height, format="rgb24", threads=1).to_ndarray()
        return np.ascontiguousarray(np.rot90(rgb, self.quarters)) if self.quarters else rgb


class _Header(NamedTuple):
    """What the container says about itself; times in seconds."""

    container: str
    codec: str
    rate: float  # frames per second, 0 if not said
    promised: float  # how long the pictures (or, if `joint`, pictures and sound) are, minus infinity if not said
    joint: bool
    end: float  # when all is over, infinity if not said
    sound: Sound | None
    sound_start: float  # infinity without sound


def _read_header(container: InputContainer, stream: VideoStream, sound: AudioStream | None) -> _Header:
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    length = container.duration / 1e6 if container.duration else None
    own = _seconds(stream, stream.duration)
    if "avi" in container.format.name.split(",") and stream.frames and rate:
        own = stream.frames / rate  # FFmpeg shortens the duration of an AVI that is cut
    promised = own or length
    sound_start = _seconds(sound, sound.start_time) if sound is not None else None
    return _Header(
        container=container.format.name,
        codec=stream.codec_context.name,
        rate=rate,
        promised=-math.inf if promised is None else promised,
        joint=not own,
        end=math.inf if length is None else (container.start_time or 0) / 1e6 + length,
        sound=_describe(sound) if sound is not None else None,
        sound_start=math.inf if sound_start is None else sound_start,
    )


def _describe(sound: AudioStream) -> Sound:
    context = sound.codec_context
    unnamed = {"1 channels": "mono", "2 channels": "stereo"}
    layout = unnamed.get(context.layout.name, context.layout.name)
    return Sound(context.codec.canonical_name, context.sample_rate, layout)


def _seconds(stream: Stream, ticks: int | None) -> float | None:
    return float(ticks * stream.time_base) if ticks is not None and stream.time_base else None


def _last_duration(said: float, usual: float, left: float) -> float:
    """How long the last frame is shown: what its packet says, but not beyond the end of the file.

    MP4 gives each packet the time to the next one in the order of coding, not of showing.
    """
    duration = said or usual
    return min(duration, left) if left > 0 else duration


def _first_picture(path: Path) -> tuple[int, int, int]:
    """Height, width and rotation as shown."""
    with open_video(path) as container:
        for packet in packets(container, [video_stream(container, path)]):
            for picture in decode(packet):
                if isinstance(picture, VideoFrame):
                    rotation = round(picture.rotation / 90) * 90 % 360
                    size = (picture.height, picture.width)
                    return (*(size[::-1] if rotation % 180 else size), rotation)
    raise UserError(f"{path}: none of its frames can be decoded; the file is damaged or its codec unknown")


def _nearest(times: np.ndarray, time: float) -> int:
    """Index of the entry of the sorted `times` that is nearest to `time`."""
    right = int(np.searchsorted(times, time))
    if right == 0:
        return 0
    if right == len(times):
        return len(times) - 1
    return right if times[right] - time < time - times[right - 1] else right - 1
