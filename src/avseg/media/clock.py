"""One continuous clock for a file whose time stamps restart, wrap or jump; frames and sound are shifted alike."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

WRAP = 2**33 / 90_000  # seconds after which the 33-bit clock of MPEG streams starts again
SLACK = 60.0  # seconds; time stamps this much before a piece's first one belong to it, earlier ones have wrapped


@dataclass(frozen=True)
class Break:
    """A place at which the recording is interrupted."""

    time: float  # seconds from the first frame
    kind: Literal["joint", "cut", "pause", "jump"]  # the clock restarts; empty time left out; a pause kept; damage
    seconds: float = 0.0  # of a cut, pause or jump
    picture: str = ""  # of a joint, how its frames differ in size or orientation from those before

    def __str__(self) -> str:
        """Describe the break for a report."""
        if self.kind == "joint":
            text = f"its clock restarts at {self.time:.1f} s; the parts follow one another"
            return f"{text}; {self.picture}" if self.picture else text
        if self.kind == "cut":
            return f"a gap of {self.seconds:.0f} s at {self.time:.1f} s is left out"
        if self.kind == "jump":
            return f"its clock jumps by {self.seconds:.0f} s at {self.time:.1f} s and back, which is undone"
        return f"pauses for {self.seconds:.0f} s at {self.time:.1f} s; the frame before stays"


@dataclass(frozen=True)
class Piece:
    """A part of a file in which the clock does not go back, as runs without long gaps."""

    position: int  # byte at which it begins
    first: float  # container time of its first packet
    starts: tuple[float, ...]  # container time at which each run begins
    offsets: tuple[float, ...]  # seconds to add to the container times of each run
    continues: bool = False  # the stream of the piece before, whose clock jumped


@dataclass(frozen=True)
class Clock:
    """Maps container times to a continuous clock; without pieces it changes nothing."""

    pieces: tuple[Piece, ...] = ()
    wrap: float = 0.0  # seconds after which container times start again, 0 = never

    def __bool__(self) -> bool:
        """True if times change."""
        return bool(self.pieces)

    def shift(self, time: float, number: int) -> float:
        """Return the seconds to add to a container time of a packet in a piece."""
        piece = self.pieces[number]
        unwrapped = unwrap(time, piece.first, self.wrap)
        run = max(bisect_right(piece.starts, unwrapped + 1e-6) - 1, 0)
        return unwrapped - time + piece.offsets[run]

    def apply(self, packets: Iterator["Packet[Stream]"]) -> Iterator["Packet[Stream]"]:
        """Shift the time stamps of packets; an empty packet between pieces drains the decoder."""
        if not self.pieces:
            yield from packets
            return
        pieces: dict[int, int] = {}  # by stream, of its last packet
        for packet in packets:
            stream = packet.stream
            number = pieces.get(stream.index, 0)
            if packet.pos is not None:
                number = max(bisect_right(self.pieces, packet.pos, key=lambda piece: piece.position) - 1, 0)
            if pieces.setdefault(stream.index, number) != number:
                pieces[stream.index] = number
                if not self.pieces[number].continues:
                    yield drain(stream)
                    if isinstance(stream, VideoStream | AudioStream):
                        stream.codec_context.flush_buffers()  # it decodes again
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is not None and packet.size:
                ticks = round(self.shift(float(stamp * packet.time_base), number) / packet.time_base)
                if packet.pts is not None:
                    packet.pts += ticks
                if packet.dts is not None:
                    packet.dts += ticks
            yield packet


PLAIN = Clock()


def drain(stream: Stream) -> "Packet[Stream]":
    """Create the empty packet that makes a decoder return the frames it still holds."""
    packet: Packet[Stream] = Packet(0)
    packet.stream = stream
    if stream.time_base:
        packet.time_base = stream.time_base  # of the frames
    return packet


def unwrap(time: float, first: float, wrap: float) -> float:
    """Return the container time as if the clock of a piece that begins at `first` had not wrapped."""
    low = first - SLACK
    return low + (time - low) % wrap if wrap and not low <= time < low + wrap else time
