"""Carry the sound of one video over into another: copied packet by packet, or re-encoded as AAC."""

from fractions import Fraction

import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from avseg.media.container import decode

PLAYABLE = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "flac", "opus"})  # codecs that players accept in MP4
AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
AAC_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def sound_track(target: OutputContainer, source: AudioStream, start: float) -> "_CopiedTrack | _EncodedTrack":
    """Copy `source` where MP4 can hold it, else re-encode it; its time `start`, in seconds, becomes 0."""
    codec = source.codec_context
    # AAC in MPEG-TS describes itself in each packet; MP4 needs that description once, in its header
    describes_itself = codec.codec.canonical_name == "aac" and not codec.extradata
    if codec.codec.canonical_name in PLAYABLE and not describes_itself:
        try:
            return _CopiedTrack(target, target.add_stream_from_template(source), source, start)
        except (ValueError, av.error.FFmpegError):
            pass  # this build of FFmpeg cannot write the codec into MP4
    return _EncodedTrack(target, source, start)


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
    """Sound re-encoded as AAC, at the source's rate and channel layout where AAC has them."""

    def __init__(self, target: OutputContainer, source: AudioStream, start: float) -> None:
        context = source.codec_context
        self.target = target
        self.start = start
        self.layout = AAC_LAYOUTS.get(context.layout.nb_channels, "stereo")
        rate = context.sample_rate if context.sample_rate in AAC_RATES else 48_000
        self.track = target.add_stream("aac", rate=rate, layout=self.layout)

    def take(self, packet: "Packet[Stream]") -> None:
        for frame in decode(packet):
            if isinstance(frame, AudioFrame):
                self._encode(frame)

    def _encode(self, frame: AudioFrame) -> None:
        time = frame.time
        if "channels" in frame.layout.name:  # an unnamed layout ("2 channels"), which the resampler rejects
            named = AudioFrame.from_ndarray(frame.to_ndarray(), format=frame.format.name, layout=self.layout)
            named.sample_rate = frame.sample_rate
            frame = named
        frame.time_base = Fraction(1, frame.sample_rate)
        frame.pts = None if time is None else round((time - self.start) * frame.sample_rate)
        if frame.pts is None or frame.pts >= 0:
            self.target.mux(self.track.encode(frame))

    def close(self) -> None:
        self.target.mux(self.track.encode(None))
