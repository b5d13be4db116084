"""Probe any video.

Of a video of any length eight bytes per frame are held, for its time. Second 0 begins with the first frame, whatever
the container's clock says.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from avseg.media.clock import PLAIN, Break, Clock
from avseg.media.container import images, layout_of, open_video, packets, sound_stream, video_stream, video_tracks
from avseg.media.cropping import read_crop
from avseg.media.joints import BROADCAST, JointFinder
from avseg.media.picture_changes import describe_changes
from avseg.media.timestamps import MAX_STILL, Scan, is_frame, stated_end
from avseg.media.upright import UprightRGB as UprightRGB
from avseg.media.upright import View, view_of
from avseg.utils.errors import UserError

_COMMON = ".avi .flv .m4v .mkv .mov .mp4 .mpeg .mpg .webm .wmv"
_RARE = ".3g2 .3gp .asf .divx .dv .f4v .gif .m2ts .m2v .mk3d .mod .mts .mxf .nut .ogm .ogv .qt .rm .rmvb .ts .vob .y4m"
SUFFIXES = frozenset(f"{_COMMON} {_RARE}".split())
GAP = 0.05  # seconds; smaller offsets between sound and frames are rounding and coding delay
CLOCK_ERROR = 1e-3  # seconds; Matroska and WebM store whole milliseconds


@dataclass(frozen=True)
class Sound:
    """The main sound track of a video."""

    codec: str
    rate: int  # Hz
    layout: str  # "mono", "stereo", "5.1", ...


@dataclass(frozen=True, eq=False)
class Video:
    """Properties of a video file, as returned by `probe`."""

    path: Path
    container: str  # name of the format, such as "matroska,webm"
    codec: str
    height: int  # as displayed, that is cropped and after the rotation
    width: int
    view: View  # rotation, mirroring and cropping that the file requests
    frame_rate: float  # frames per second (the mean if the rate varies)
    constant_rate: bool  # every frame is within half a frame of its time at `frame_rate`
    times: np.ndarray  # (N,) float64, display time of each frame in seconds from the first
    duration: float  # seconds, including the display time of the last frame
    start: float  # container time of the first frame in seconds
    lead: float  # seconds of sound before the first frame
    timed: bool  # decoded frames carry their times; otherwise (raw streams, AVI) they are identified by counting
    missing: float  # seconds at the end that the header promises and the file lacks (a truncated file)
    sound: Sound | None  # the sound track that is read
    audio_track: int | None = None  # its number if it was requested; None = the default one
    clock: Clock = PLAIN  # makes the container times of joined recordings continuous
    breaks: tuple[Break, ...] = ()  # joints, gaps and pauses of the recording
    pixel_aspect: float = 1.0  # width over height of a pixel as displayed
    tracks: int = 1  # video tracks of the file, of which one is read
    unread: float = 0.0  # share of a broadcast file after the last packet of its tracks: parts with other tracks follow

    @property
    def rotation(self) -> int:
        """Counter-clockwise in degrees: 0, 90, 180 or 270."""
        return self.view.rotation

    @property
    def seconds(self) -> int:
        """Number of seconds; a partial last one counts if a frame starts in it or it is longer than 1/16 s."""
        return max(second_of(float(self.times[-1])) + 1, math.ceil(self.duration - 1 / 16))


class Frame(NamedTuple):
    """A decoded frame: its number in the video, its time in seconds from the first frame, and FFmpeg's image."""

    number: int
    time: float
    image: VideoFrame


def second_of(time: float) -> int:
    """Return the second that contains a frame's time, tolerating clocks of whole milliseconds."""
    return int(time + CLOCK_ERROR)


def probe(path: Path, audio_track: int | None = None) -> Video:
    """Read a file's packets, decode its first frame, and describe the video; `audio_track` is as in `sound_stream`.

    Raises:
        UserError: the file is missing, empty, not a video, without that track, or none of its frames can be decoded.
    """
    header, scan, finder = _scan(path, audio_track, PLAIN)
    clock, breaks = finder.clock()
    if clock and header.container in BROADCAST:
        breaks = describe_changes(path, clock, breaks)
    if clock:
        header, scan, _ = _scan(path, audio_track, clock)
    if not scan.frames:
        raise UserError(f"{path}: contains no frames; use a video that plays")
    height, width, view = _first_image(path)
    times, start, rate = scan.timeline(header.rate)
    is_avi = "avi" in header.container.split(",")
    timed = scan.timed and not is_avi  # AVI stores the coded order only
    if clock:  # the header knows one clock only
        header = header._replace(promised=-math.inf, end=math.inf, sound_start=scan.sound_start)
    # without time stamps the sound is assumed to begin with the first frame
    lead = start - header.sound_start if timed else 0.0
    end = max(scan.video_end, scan.sound_end if header.joint else -math.inf)
    # the promise counts from the container's time 0, or from the first frame where that is earlier
    missing = header.promised - (end - min(start, 0.0))
    if missing > 0 and header.joint and header.others:
        missing -= max(_last_end(path) - end, 0.0)
    last_duration = _last_duration(scan.last_duration or 1 / rate, header.end - start - float(times[-1]))
    # damaged headers promise days
    last_duration = min(last_duration, max(MAX_STILL, scan.sound_end - start - float(times[-1])))
    return Video(
        path=path,
        container=header.container,
        codec=header.codec,
        height=height,
        width=width,
        view=view,
        frame_rate=rate,
        constant_rate=bool(np.all(np.abs(times - np.arange(len(times)) / rate) <= 0.5 / rate + CLOCK_ERROR)),
        times=times,
        duration=float(times[-1]) + last_duration,
        start=0.0 if is_avi else start,
        lead=lead if lead > GAP else 0.0,
        timed=timed,
        missing=missing if missing > 0.5 + 2 / rate else 0.0,
        sound=header.sound,
        audio_track=audio_track,
        clock=clock,
        pixel_aspect=1 / header.pixel_aspect if view.is_sideways else header.pixel_aspect,
        tracks=header.tracks,
        unread=finder.unread(path.stat().st_size),
        # a pause after which no frame is shown is none
        breaks=tuple(
            replace(item, time=item.time - start)
            for item in breaks
            if item.kind != "pause" or item.time < start + times[-1]
        ),
    )


def _scan(path: Path, audio_track: int | None, clock: Clock) -> tuple["_Header", Scan, JointFinder]:
    """Read all packets of the frames and the sound."""
    with open_video(path) as container:
        stream = video_stream(container, path)
        sound = sound_stream(container, audio_track)
        scan = Scan(stream, sound, math.inf if clock else stated_end(container))
        finder = JointFinder(container.format.name, stream)
        for packet in packets(container, [stream, *([sound] if sound else [])], clock):
            if is_frame(packet, stream.codec_context.name if packet.stream.index == stream.index else ""):
                if not packet.is_discard:  # edit lists jump back to the keyframe before a cut
                    finder.read(packet)
                scan.read([packet])
        return _read_header(container, stream, sound if scan.sound_packets else None), scan, finder


def _last_end(path: Path) -> float:
    """Return the container time at which the last packet of any track ends; subtitles may outlast the film."""
    end = -math.inf
    with open_video(path) as container:
        for packet in packets(container, list(container.streams)):
            time_stamp = packet.pts if packet.pts is not None else packet.dts
            if time_stamp is not None and packet.size:
                end = max(end, float((time_stamp + (packet.duration or 0)) * packet.time_base))
    return end


class _Header(NamedTuple):
    """Properties from the container's header; times in seconds."""

    container: str
    codec: str
    rate: float  # frames per second, 0 if missing
    promised: float  # length of the video track (if `joint`, of the file), minus infinity if missing
    joint: bool
    tracks: int  # of video
    others: int  # tracks that are not read: subtitles, other sounds
    end: float  # container time at which the file ends, infinity if missing
    pixel_aspect: float  # width over height of a stored pixel
    sound: Sound | None
    sound_start: float  # infinity without sound


def _read_header(container: InputContainer, stream: VideoStream, sound: AudioStream | None) -> _Header:
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    file_length = container.duration / 1e6 if container.duration else None
    track_length = _seconds(stream, stream.duration)
    if "avi" in container.format.name.split(",") and stream.frames and rate:
        track_length = stream.frames / rate  # FFmpeg shortens the duration of a truncated AVI
    promised = track_length or file_length
    sound_start = _seconds(sound, sound.start_time) if sound is not None else None
    return _Header(
        container=container.format.name,
        codec=stream.codec_context.name,
        rate=rate,
        promised=-math.inf if promised is None else promised,
        joint=not track_length,
        tracks=len(video_tracks(container)),
        others=len(container.streams) - 1 - (sound is not None),
        end=math.inf if file_length is None else (container.start_time or 0) / 1e6 + file_length,
        pixel_aspect=float(stream.sample_aspect_ratio or 1),
        sound=_describe(sound) if sound is not None else None,
        sound_start=math.inf if sound_start is None else sound_start,
    )


def _describe(sound: AudioStream) -> Sound:
    context = sound.codec_context
    unnamed = {"1 channels": "mono", "2 channels": "stereo"}
    name = layout_of(context).name
    return Sound(context.codec.canonical_name, context.sample_rate, unnamed.get(name, name))


def _seconds(stream: Stream, ticks: int | None) -> float | None:
    return float(ticks * stream.time_base) if ticks is not None and stream.time_base else None


def _last_duration(duration: float, left: float) -> float:
    """Limit the last frame's display time to what is left: MP4 stores it in coded, not display, order."""
    return min(duration, left) if left > 0 else duration


def _first_image(path: Path) -> tuple[int, int, View]:
    """Decode one frame for the displayed height and width, and how the frames are shown."""
    with open_video(path) as container:
        stream = video_stream(container, path)
        track = [candidate.index for candidate in container.streams.video].index(stream.index)
        for image in images(container, stream, PLAIN):
            crop = read_crop(path, container.format.name, track, image.height, image.width)
            view = view_of(image, crop)
            return (*view.shown_size(image.height, image.width), view)
    raise UserError(f"{path}: none of its frames can be decoded; the file is damaged or its codec unknown")
