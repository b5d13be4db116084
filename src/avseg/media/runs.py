"""Intervals of a recording without gaps, collected from the times of its packets in any order."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from avseg.media.timestamps import FAR, REORDER_DEPTH

PAUSE = FAR  # seconds; a shorter pause is not reported
GAP = 0.5  # seconds; across a shorter one the clock is not checked for a jump


@dataclass
class Span:
    """An interval in seconds; empty at first."""

    start: float = math.inf
    end: float = -math.inf

    def add(self, start: float, end: float) -> None:
        """Extend it to another interval."""
        self.start = min(self.start, start)
        self.end = max(self.end, end)


@dataclass
class Run(Span):
    """An interval of a piece without gaps; in container times."""

    picture: Span = field(default_factory=Span)
    sound: Span = field(default_factory=Span)
    frames: Span = field(default_factory=Span)  # the numbers of its first and last frame in coded order

    def merge(self, other: "Run") -> None:
        """Add another interval."""
        self.add(other.start, other.end)
        self.picture.add(other.picture.start, other.picture.end)
        self.sound.add(other.sound.start, other.sound.end)
        self.frames.add(other.frames.start, other.frames.end)

    @property
    def is_silent(self) -> bool:
        """True if it has frames and no sound."""
        return self.frames.end > -math.inf and self.sound.end == -math.inf


@dataclass
class Part:
    """A piece that is being read."""

    position: int
    first: float
    runs: list[Run] = field(default_factory=list)  # ascending

    def add(self, start: float, end: float, frame: int | None) -> None:
        """Add a packet of sound, or of the video with a number in coded order."""
        number = bisect_right(self.runs, start + GAP, key=lambda run: run.start) - 1
        if number < 0 or self.runs[number].end + GAP < start:
            number += 1
            self.runs.insert(number, Run())
        run = self.runs[number]
        run.add(start, end)
        (run.sound if frame is None else run.picture).add(start, end)
        if frame is not None:
            run.frames.add(frame, frame)
        if number > 0 and run.start <= self.runs[number - 1].end + GAP:
            number -= 1
            run = self.runs[number]
        while number + 1 < len(self.runs) and self.runs[number + 1].start <= run.end + GAP:
            run.merge(self.runs.pop(number + 1))

    def remove_displaced(self) -> None:
        """Remove frames with damaged time stamps: runs before them go on afterwards, or later ones began before.

        The order is that of coding, in which frames are at most `REORDER_DEPTH` from their order in time.
        """
        last, first = -math.inf, math.inf
        for run in list(self.runs):
            if run.is_silent and run.frames.end < last - REORDER_DEPTH:
                self.runs.remove(run)
            last = max(last, run.frames.end)
        for run in self.runs[::-1]:
            if run.is_silent and run.frames.start > first + REORDER_DEPTH:
                self.runs.remove(run)
            first = min(first, run.frames.start)


def until_pause(runs: Sequence[Run]) -> Run:
    """Return the first runs as one, up to a pause: the first may have no pictures, or no sound."""
    joined = Run()
    for run in runs:
        if run.start - joined.end > PAUSE and joined.end > -math.inf:
            break
        joined.merge(run)
    return joined
