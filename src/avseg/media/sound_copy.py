"""Carry the sound of one video over into another: copied packet by packet, or re-encoded as AAC."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from avseg.media.container import decode, layout_of, open_video, packets, sound_stream
from avseg.media.downmix import Downmix, planes
from avseg.media.sound_timeline import TOLERANCE, SoundTimeline
from avseg.media.timestamps import MAX_STILL
from avseg.media.video import Video

PLAYABLE = frozenset({"aac", "mp3", "flac"})  # in MP4, browsers and QuickTime play these; QuickTime has no Opus there
AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
# MP4 does not store the layout of FLAC: players take these for its numbers of channels
FLAC_LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.0(side)", "5.1", "5.1(side)", "6.1", "7.1")
AAC_LAYOUTS = {1: "mono", 2: "stereo"}
SURROUND = ("5.1", "5.1(side)", "6 channels")  # layouts whose channels are those of 5.1; others are mixed to stereo


@dataclass(frozen=True)
class SoundPlan:
    """Decision whether the sound of a video is copied into its overlay, with the reason if not."""

    obstacle: str = ""  # why it must be re-encoded; empty if it is copied

    def __str__(self) -> str:
        """Describe the plan for a report."""
        return f"re-encoded as AAC: {self.obstacle}" if self.obstacle else "copied"


def plan_sound(video: Video) -> SoundPlan | None:
    """Decide whether a video's sound can be copied into MP4; it is decoded once for that. None without sound."""
    if video.sound is None:
        return None
    if video.clock:
        return SoundPlan("the recording is joined of parts")
    with open_video(video.path) as container:
        stream = sound_stream(container, video.audio_track)
        assert stream is not None
        codec = stream.codec_context
        name = codec.codec.canonical_name
        if name not in PLAYABLE:
            return SoundPlan(f"MP4 players do not read {name}")
        layout = layout_of(codec)
        if name == "flac" and layout.nb_channels > 2 and layout.name not in FLAC_LAYOUTS:
            return SoundPlan(f"MP4 does not hold FLAC of layout {layout.name}")
        # AAC in MPEG-TS describes itself in each packet; MP4 needs that description once, in its header
        if name == "aac" and not codec.extradata:
            return SoundPlan("its AAC is that of a stream")
        return SoundPlan(_irregularity(packets(container, [stream]), video.start))


def _irregularity(source: Iterable["Packet[Stream]"], start: float) -> str:
    """Describe the first packet that MP4 cannot hold after the others; empty if there is none."""
    format_key: tuple[int, str] | None = None
    end = -np.inf
    last: int | None = None
    for packet in source:
        if packet.size and packet.dts is not None:
            time = float(packet.dts * packet.time_base)
            if last is not None and (packet.dts <= last or time < end - TOLERANCE):
                return f"it overlaps at {time - start:.1f} s"
            last = packet.dts
            end = time + float((packet.duration or 0) * packet.time_base)
        try:
            decoded = packet.decode()
        except EOFError:
            continue
        except av.error.FFmpegError:  # players skip it, MP4 refuses it
            return f"it is damaged at {max(end - start, 0):.1f} s"
        for frame in decoded:
            if isinstance(frame, AudioFrame):
                following = (frame.sample_rate, frame.layout.name)
                if format_key is not None and following != format_key:
                    return f"it changes from {format_key[0]} Hz {format_key[1]} to {following[0]} Hz {following[1]}"
                format_key = following
    return ""


def sound_track(
    target: OutputContainer, source: AudioStream, video: Video, plan: SoundPlan
) -> "_CopiedTrack | _EncodedTrack":
    """Add the sound to a file as planned; the video's first sound or frame, whichever is earlier, is at time 0."""
    start = video.start - video.lead
    if not plan.obstacle:
        try:
            return _CopiedTrack(target, target.add_stream_from_template(source), source, start)
        except (ValueError, av.error.FFmpegError):
            pass  # this build of FFmpeg cannot write the codec into MP4
    return _EncodedTrack(target, source, start, video.start + video.duration + MAX_STILL)


class _CopiedTrack:
    """Packets passed on unchanged, except for their times."""

    def __init__(self, target: OutputContainer, track: AudioStream, source: AudioStream, start: float) -> None:
        self.target = target
        self.track = track
        self.shift = round(start / source.time_base) if source.time_base else 0

    def take(self, packet: "Packet[Stream]") -> None:
        if packet.size == 0 or packet.dts is None:
            return
        packet.dts -= self.shift
        if packet.pts is not None:
            packet.pts -= self.shift
        packet.stream = self.track
        self.target.mux(packet)

    def close(self) -> None:
        """Do nothing: packets are written as they come."""


class _EncodedTrack:
    """Sound re-encoded as AAC, at the rate and channel layout with which the source begins where AAC has them."""

    def __init__(self, target: OutputContainer, source: AudioStream, start: float, end: float) -> None:
        context = source.codec_context
        self.target = target
        layout = layout_of(context)
        self.layout = "5.1" if layout.name in SURROUND else AAC_LAYOUTS.get(layout.nb_channels, "stereo")
        self.rate = context.sample_rate if context.sample_rate in AAC_RATES else 48_000
        self.track = target.add_stream("aac", rate=self.rate, layout=self.layout)
        self.channels = len(self.track.codec_context.layout.channels)
        self.downmix = Downmix(min(self.channels, 2))
        self.timeline = SoundTimeline(start, end, self.rate, self.layout, self._convert)
        self.written = 0  # samples

    def take(self, packet: "Packet[Stream]") -> None:
        for frame in decode(packet):
            if isinstance(frame, AudioFrame):
                self._encode(self.timeline.align(frame))

    def close(self) -> None:
        self._encode(self.timeline.flush())
        self.target.mux(self.track.encode(None))

    def _encode(self, chunks: Iterable[np.ndarray]) -> None:
        for samples in chunks:
            samples = np.ascontiguousarray(np.clip(samples, -1, 1))  # resampling exceeds full scale
            frame = AudioFrame.from_ndarray(samples, format="fltp", layout=self.layout)
            frame.sample_rate = self.rate
            frame.time_base = Fraction(1, self.rate)
            frame.pts = self.written
            self.written += samples.shape[1]
            self.target.mux(self.track.encode(frame))

    def _convert(self, frame: AudioFrame) -> np.ndarray:
        """Return the samples in the layout of the track, (channels, n)."""
        if self.channels <= 2:
            return self.downmix(frame)
        if frame.layout.name in SURROUND:
            samples: np.ndarray = np.clip(np.nan_to_num(planes(frame)), -1, 1).astype(np.float32)
            return samples
        front = self.downmix(frame)
        # the other channels of 5.1 follow front left and right
        return np.pad(front, ((0, self.channels - 2), (0, 0)))
