"""Presentation times of a video's frames, read from its packets without decoding."""

import math
from array import array
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

REORDER_DEPTH = 32  # frames; coded order differs from display order by far fewer
FAR = 5.0  # seconds from every other frame; farther frames outside of their order have a damaged time stamp
MAX_STILL = 600.0  # seconds; longer pauses are left out, those of broadcast streams earlier
_LAST = 2  # frames at the end of a short video that may be damaged
_FEW = 0.02  # share of frames outside of their order
_MAX_DOUBLE = 0.05  # share of frames with the time of another; more are a broken clock
_DEFAULT_RATE = 25.0  # frames per second where neither packets nor header give a rate


def is_frame(packet: "Packet[Stream]", codec: str) -> bool:
    """False for a packet without content, and for the headers that chained Ogg files repeat between frames."""
    return packet.size > 0 and not (codec == "theora" and bytes(packet)[0] & 0x80)


def stated_end(container: InputContainer) -> float:
    """Return the container time at which the last frame ends by the header, infinity if unknown.

    MP4 does not state it: the sum of the coded durations lacks a pause before the last frame if B-frames surround it.
    """
    if not container.duration or "mp4" in container.format.name.split(","):
        return math.inf
    return ((container.start_time or 0) + container.duration) / 1e6


def displaced(stamps: npt.NDArray[np.float64], end: float = math.inf) -> npt.NDArray[np.bool_]:
    """Find the time stamps, (n,) seconds in coded order, that damage moved away from those coded around them.

    They are far from every other one in time, or so few that the others are in order; so are a few last ones, each of
    them a very long time after the one before, or far after the `end` that the header states.
    """
    order = np.argsort(stamps, kind="stable")
    gaps = np.diff(stamps[order], prepend=-np.inf, append=np.inf)  # (n + 1,)
    alone = np.minimum(gaps[:-1], gaps[1:]) > FAR
    moved = np.abs(order - np.arange(len(stamps))) > REORDER_DEPTH
    mask = np.zeros(len(stamps), np.bool_)
    is_rare = np.count_nonzero(moved) <= _FEW * len(stamps)
    mask[order[moved & (alone | is_rare)]] = True
    few = max(_LAST, int(_FEW * len(stamps)))
    late = (stamps > end + FAR) & ~mask
    others = stamps[~(late | mask)]
    is_few = len(others) > 0 and 0 < np.count_nonzero(late) <= few
    if is_few and stamps[late].min() - others.max() > FAR:
        mask |= late
    for number in range(len(stamps) - 1, max(len(stamps) - 1 - few, 0), -1):
        if gaps[number] <= MAX_STILL:
            break
        mask[order[number]] = True
    return mask


class Scan:
    """Frame count and timing collected from the packets of a file."""

    def __init__(self, stream: VideoStream, sound: AudioStream | None, end: float = math.inf) -> None:
        self.stream = stream
        self.end = end  # of the file by its header, see `displaced`
        self.sound = sound
        self.frames = 0  # displayed ones
        self.sound_packets = 0
        self.timed = True  # every frame carries its own time stamp
        self.unstamped = 0  # frames before the first one with a time stamp
        self.stamps = array("d")
        self.last_duration = 0.0  # display time of the last frame in seconds, 0 if unknown
        self.video_end = self.sound_end = -math.inf  # container times in seconds
        self.sound_start = math.inf

    def read(self, source: Iterable["Packet[Stream]"]) -> None:
        """Consume packets to the end."""
        for packet in source:
            is_video = packet.stream.index == self.stream.index
            if not is_frame(packet, self.stream.codec_context.name if is_video else ""):
                continue
            time = packet.pts if packet.pts is not None else packet.dts
            end = float((time or 0) + (packet.duration or 0)) * float(packet.time_base)
            if is_video:
                self._add_video(packet, end)
            else:
                self.sound_packets += 1
                if time is not None:
                    self.sound_start = min(self.sound_start, float(time * packet.time_base))
                self.sound_end = max(self.sound_end, end)

    def _add_video(self, packet: "Packet[Stream]", end: float) -> None:
        # VP8 has hidden reference frames: bit 4 of the first byte is set if the frame is displayed
        hidden = self.stream.codec_context.name.startswith("vp8") and not bytes(packet)[0] & 0x10
        self.video_end = max(self.video_end, end)
        if hidden or packet.is_discard:
            return
        self.frames += 1
        if packet.pts is None:
            self.timed = False
            self.unstamped += not self.stamps
            return
        stamp = float(packet.pts * packet.time_base)
        if stamp > max(self.stamps[-REORDER_DEPTH:], default=-math.inf):
            self.last_duration = float((packet.duration or 0) * packet.time_base)
        self.stamps.append(stamp)

    def timeline(self, rate: float) -> tuple[np.ndarray, float, float]:
        """Compute the display times of the frames; `rate` is that of the header, 0 if missing.

        Returns (N,) seconds from the first frame, the first frame's container time, and frames per second.
        """
        stamps = np.asarray(self.stamps, dtype=np.float64)
        times = np.unique(stamps[~displaced(stamps, self.end)])  # sorted; of two at one time one is shown
        if not self.timed or len(times) < (1 - _MAX_DOUBLE) * self.frames:
            self.timed = False
            rate = rate or _DEFAULT_RATE
            start = float(times[0]) - self.unstamped / rate if len(times) else 0.0
            return np.arange(self.frames) / rate, start, rate
        start = float(times[0])
        times = times - start
        return times, start, self._rate(times, rate)

    def _rate(self, times: np.ndarray, header: float) -> float:
        """Return the header's rate if it agrees with the mean or median frame distance to 1 %, else the mean rate."""
        if len(times) < 2:
            return header or 1 / (self.last_duration or 1 / _DEFAULT_RATE)
        mean = (len(times) - 1) / float(times[-1])
        median = 1 / float(np.median(np.diff(times)))
        return header if min(abs(header / mean - 1), abs(header / median - 1)) < 0.01 else mean
