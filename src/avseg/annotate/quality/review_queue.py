"""Check this first: the segments in the order in which a look at them is worth most, and where in them to begin."""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from avseg.annotate.quality.scores import BAD, SegmentQuality, longest_bad_run, segment_quality

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Check:
    """A segment in the queue.

    Attributes:
        segment: its id.
        quality: of its frames that nobody has accepted.
        severity: 0 to 1, what the queue is sorted by.
        frame: the one to mend first.
        frames: how many propagate anew when that one is mended: up to the nearest accepted ones.
        bad: how many of these are bad now.
    """

    segment: Hashable
    quality: SegmentQuality
    severity: float
    frame: int
    frames: int
    bad: int


def worst_first(
    scores: Mapping[Key, Mapping[int, float]], accepted: Mapping[Key, Collection[int]] | None = None
) -> list[Check]:
    """Ranks segments, the worst first; those of which every frame is accepted are left out.

    Args:
        scores: by segment, then by frame (see `quality.score`).
        accepted: frames of each segment that somebody has looked at.
    """
    checks = []
    for segment, frames in scores.items():
        seen = set((accepted or {}).get(segment, ()))
        open_frames = {frame: frames[frame] for frame in sorted(frames) if frame not in seen}
        if open_frames:
            checks.append(_check(segment, open_frames, seen))
    return sorted(checks, key=lambda check: -check.severity)


def severity(scores: Collection[float]) -> float:
    """How much a segment needs a look, 0 to 1.

    Half by its 10th percentile, which one unlucky frame does not move; the rest by how long it is bad in a row, and by
    its worst frame.
    """
    quality = segment_quality(list(scores))
    run = quality.longest_bad_run / max(len(scores), 1)
    return 0.5 * (1 - quality.p10) + 0.25 * run + 0.25 * (1 - quality.minimum)


def _check(segment: Hashable, scores: Mapping[int, float], accepted: Collection[int]) -> Check:
    frames, values = list(scores), np.array(list(scores.values()))
    start, end = longest_bad_run(list(values))
    if start == end:
        start, end = 0, len(values)
    # the worst frame of the longest bad run: both ways from it lead out of the run
    frame = frames[start + int(values[start:end].argmin())]
    low = max((other for other in accepted if other < frame), default=frames[0] - 1)
    high = min((other for other in accepted if other > frame), default=frames[-1] + 1)
    again = [other for other in frames if low < other < high]
    return Check(
        segment=segment,
        quality=segment_quality(list(values)),
        severity=severity(list(values)),
        frame=frame,
        frames=len(again) - 1,
        bad=sum(scores[other] < BAD for other in again),
    )
