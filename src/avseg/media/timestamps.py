"""When the frames of a video are shown, read from its packets without decoding them."""

import math
from array import array
from collections.abc import Iterable

import numpy as np
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream


class Scan:
    """What reading all packets of a file without decoding them tells: how many frames, and when.

    Attributes:
        frames: number of frames shown.
        sound_packets: number of packets of sound.
        timed: whether every frame carries a time of its own.
        last_duration: seconds that the last frame is shown, 0 if unknown.
        video_end: the container's time at which the last frame ends, in seconds.
        sound_end: the same of the sound.
    """

    def __init__(self, stream: VideoStream, sound: AudioStream | None) -> None:
        self.stream = stream
        self.sound = sound
        self.frames = 0
        self.sound_packets = 0
        self.timed = True
        self.stamps = array("d")
        self.last_duration = 0.0
        self.video_end = self.sound_end = -math.inf

    def read(self, source: Iterable["Packet[Stream]"]) -> None:
        """Reads to the end."""
        for packet in source:
            if packet.size == 0:
                continue
            time = packet.pts if packet.pts is not None else packet.dts
            end = float((time or 0) + (packet.duration or 0)) * float(packet.time_base)
            if packet.stream_index == self.stream.index:
                self._picture(packet, end)
            else:
                self.sound_packets += 1
                self.sound_end = max(self.sound_end, end)

    def _picture(self, packet: "Packet[Stream]", end: float) -> None:
        # VP8 hides reference frames: bit 4 of the first byte says that this one is shown
        hidden = self.stream.codec_context.name.startswith("vp8") and not bytes(packet)[0] & 0x10
        self.video_end = max(self.video_end, end)
        if hidden or packet.is_discard:
            return
        self.frames += 1
        if packet.pts is None:
            self.timed = False
            return
        stamp = float(packet.pts * packet.time_base)
        if stamp > max(self.stamps[-32:], default=-math.inf):  # coded out of order, but never by much
            self.last_duration = float((packet.duration or 0) * packet.time_base)
        self.stamps.append(stamp)

    def timeline(self, rate: float) -> tuple[np.ndarray, float, float]:
        """When the frames are shown.

        Args:
            rate: frames per second as the header says, 0 if it does not.

        Returns:
            Times from the first frame on as (N,) seconds, the first frame's own time, and frames per second.
        """
        times = np.sort(np.asarray(self.stamps, dtype=np.float64))
        if not self.timed or len(np.unique(times)) < len(times):
            self.timed = False
            rate = rate or 25.0
            return np.arange(self.frames) / rate, float(times[0]) if len(times) else 0.0, rate
        start, times = float(times[0]), times - times[0]
        return times, start, self._rate(times, rate)

    def _rate(self, times: np.ndarray, header: float) -> float:
        """The header's word if the mean or the usual step between frames bears it out, else the mean."""
        if len(times) < 2:
            return header or 1 / (self.last_duration or 0.04)
        mean, usual = (len(times) - 1) / float(times[-1]), 1 / float(np.median(np.diff(times)))
        return header if min(abs(header / mean - 1), abs(header / usual - 1)) < 0.01 else mean
