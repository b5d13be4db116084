"""Find the joints, gaps and pauses of a recording in the time stamps of its packets.

Recorders, broadcasts and `cat` join streams whose clocks have nothing in common. Where the clock of the frames goes
back, a new piece begins, for the sound as well: it is recognised by its byte in the file, since the last sound of a
piece may be read after the first frames of the next. Time in which neither frames nor sound exist is a pause, and
is left out if it is long.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from avseg.media.clock import WRAP, Break, Clock, Piece, unwrap
from avseg.media.runs import GAP, PAUSE, Part, Run, Span, until_pause
from avseg.media.timestamps import MAX_STILL

MAX_PAUSE = 60.0  # seconds; longer pauses of broadcast streams, whose clocks may jump, are left out
OVERLAP = 0.5  # seconds of sound that may be trimmed at a joint so that the pictures follow one another
BROADCAST = frozenset({"mpegts", "mpeg"})  # containers with a 33-bit clock that may jump
_FILLED = 1.0  # seconds that one packet fills; MP4 gives the frame before a pause the duration of the pause
_SOUND_STEP = 1.0  # seconds; sound that goes back less is trimmed, without a joint
_STEP, _STEP_FRAMES = 0.5, 8  # a step back of pictures in other containers, whose coding times may be guessed
_STALE = 3  # first packets of sound after a joint, which Ogg may give a time of the old clock
_UNREAD, _FEW_PACKETS = 0.1, 20  # share of a file that may follow the last packet; the last of few may be larger
# seconds by which a clock that jumped back may differ from one that did not jump; at most this share of what was
# played, or the joint of a short recording with a pause to another one, whose clock restarts, would be one
_JUMP_ERROR, _JUMP_SHARE = 0.5, 0.25
_NEAR = 5.0  # seconds between the first packets of two streams after a joint


@dataclass
class _Track:
    """The last packet of a stream."""

    position: int = 0
    part: Part | None = None
    time: float = -math.inf  # latest coding time in the part
    begin: float = 0.0  # first coding time in the part
    count: int = 0  # packets in the part
    total: int = 0  # packets


class JointFinder:
    """Collects the pieces of a file from the packets of its frames and sound."""

    def __init__(self, container: str, stream: VideoStream) -> None:
        self.broadcast = container in BROADCAST
        self.wrap = WRAP if self.broadcast else 0.0
        self.picture = stream.index
        self.parts: list[Part] = []
        self.tracks: dict[int, _Track] = {}  # by stream

    def read(self, packet: "Packet[Stream]") -> None:
        """Add a packet in file order."""
        track = self.tracks.setdefault(packet.stream.index, _Track())
        track.total += 1
        if packet.pos is not None:
            track.position = packet.pos
        time_stamp = packet.pts if packet.pts is not None else packet.dts
        if time_stamp is None:
            return
        coded = packet.dts if packet.dts is not None else time_stamp
        base = packet.time_base
        duration = float((packet.duration or 0) * base)
        segment = self._part(track, float(coded * base), duration, is_picture=packet.stream.index == self.picture)
        start = unwrap(float(time_stamp * base), segment.first, self.wrap)
        number = track.total if packet.stream.index == self.picture else None
        segment.add(start, start + min(duration, _FILLED), number)

    def unread(self, size: int) -> float:
        """Return the share of a broadcast file of so many bytes that follows the last packet; 0 if it is small."""
        last = max((track.position for track in self.tracks.values()), default=0)
        packets = sum(track.total for track in self.tracks.values())
        share = 1 - last / size if self.broadcast and packets >= _FEW_PACKETS else 0.0
        return share if share > _UNREAD else 0.0

    def _part(self, track: _Track, time: float, duration: float, *, is_picture: bool) -> Part:
        """Return the part that a packet belongs to; a new one if the clock went back."""
        if not self.parts:
            self.parts.append(Part(track.position, time))
        number = max(bisect_right(self.parts, track.position, key=lambda segment: segment.position) - 1, 0)
        if track.part is not self.parts[number]:  # the other stream began it
            self._enter(track, number, time)
        assert track.part is not None
        coded = unwrap(time, track.part.first, self.wrap)
        is_stale = not is_picture and track.count < _STALE and abs(coded - track.part.first) < _NEAR
        if is_stale:
            track.time = coded
        if track.time - coded > self._tolerance(track, duration, is_picture=is_picture):
            number += 1
            following = self.parts[number] if number < len(self.parts) else None
            if following and abs(unwrap(time, following.first, self.wrap) - following.first) < _NEAR:
                following.position = track.position
            else:
                self.parts.insert(number, Part(track.position, time))
            self._enter(track, number, time)
            coded = time
        track.time = max(track.time, coded)
        track.count += 1
        return track.part

    def _enter(self, track: _Track, number: int, time: float) -> None:
        track.part = self.parts[number]
        track.begin = unwrap(time, track.part.first, self.wrap)
        track.time = -math.inf
        track.count = 0

    def _tolerance(self, track: _Track, duration: float, *, is_picture: bool) -> float:
        """Return the seconds by which coding times may go back within a piece."""
        if not is_picture:
            return _SOUND_STEP
        if self.broadcast:
            return duration / 2
        return max(_STEP, _STEP_FRAMES * (track.time - track.begin) / max(track.count - 1, 1))

    def clock(self) -> tuple[Clock, list[Break]]:
        """Compute the clock; returns it with the breaks in continuous container times."""
        limit = MAX_PAUSE if self.broadcast else MAX_STILL
        pieces: list[Piece] = []
        breaks: list[Break] = []
        offset = 0.0
        picture, sound = Span(), Span()  # what was joined so far, in continuous times
        for segment in self.parts:
            segment.remove_displaced()
        jumps = iter(_find_jumps([run for segment in self.parts for run in segment.runs]))
        is_away = False
        for segment in self.parts:
            offsets: list[float] = []
            continues = False
            for number, run in enumerate(segment.runs):
                end = max(picture.end, sound.end)
                gap = run.start + offset - end
                jump = next(jumps)
                continues = continues or (jump != 0 and not offsets)
                if jump:
                    offset += jump
                    is_away = not is_away
                    if is_away:
                        breaks.append(Break(run.picture.start + offset, "jump", abs(jump)))
                elif end > -math.inf and (not offsets or gap > limit):
                    offset = _offset(until_pause(segment.runs[number:]), picture, sound, offset)
                    breaks.append(Break(end, "cut", gap) if offsets else Break(end, "joint"))
                elif offsets and gap > PAUSE:
                    breaks.append(Break(end, "pause", gap))
                picture.add(run.picture.start + offset, run.picture.end + offset)
                sound.add(run.sound.start + offset, run.sound.end + offset)
                offsets.append(offset)
            starts = tuple(run.start for run in segment.runs)
            pieces.append(Piece(segment.position, segment.first, starts, tuple(offsets), continues))
        changed = len(pieces) > 1 or any(item.kind in ("cut", "jump") for item in breaks)
        return Clock(tuple(pieces), self.wrap) if changed else Clock(), breaks


def _find_jumps(runs: Sequence[Run]) -> list[float]:
    """Find the runs, in file order, whose time stamps are damaged: the next one goes on as if the clock had not jumped.

    Returns what is to be added to the offset at each run: at such a run the seconds that it must move, at the next one
    the opposite, otherwise 0.
    """
    jumps = [0.0] * len(runs)
    for number in range(1, len(runs) - 1):
        shift = 0.0 if jumps[number] else _shift(*runs[number - 1 : number + 2])
        if shift:
            jumps[number : number + 2] = shift, -shift
    return jumps


def _shift(before: Run, run: Run, after: Run) -> float:
    """Return the seconds that a run must move to be between its neighbours; 0 if its time stamps are right."""
    if before.frames.end == -math.inf:
        # only sound before: are the first frames late, or all of them? Then sound would come with them, or later
        is_damaged = run.is_silent and abs(after.sound.start - before.sound.end) < _JUMP_ERROR
        shift = after.picture.start - run.picture.end
    else:
        played = run.picture.end - run.picture.start  # minus infinity without pictures
        error = min(_JUMP_ERROR, _JUMP_SHARE * (before.picture.end - before.picture.start + played))
        is_damaged = abs(after.picture.start - before.picture.end - played) < error
        shift = before.picture.end - run.picture.start
    return shift if is_damaged and GAP < abs(shift) < math.inf else 0.0


def _offset(run: Run, picture: Span, sound: Span, joined_end: float) -> float:
    """Return the offset that puts a run after what was joined before.

    The frames follow one another, unless too much sound would overlap; then the sounds do.
    """
    by_picture = picture.end - run.picture.start  # minus infinity if either has none
    by_sound = sound.end - run.sound.start
    if by_picture == -math.inf:
        # both orders are possible: only sound before, only frames after
        return by_sound if by_sound > -math.inf else max(picture.end, sound.end) - run.start
    is_joint = abs(by_picture - joined_end) > _SOUND_STEP
    return by_sound if is_joint and by_sound - by_picture > OVERLAP else by_picture
