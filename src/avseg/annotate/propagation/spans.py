"""Spans of frames between accepted ones: the units of propagation."""

import itertools
import math
from collections.abc import Mapping
from typing import NamedTuple

from avseg.annotate.protocols import Mask

MAX_DISTANCE = 300  # frames that objects are followed through outside of a segment
MAX_BETWEEN = 75  # of these the most that are looked at
AcceptedMasks = Mapping[int, Mapping[int, Mask]]  # by frame, then by object id


class Gap(NamedTuple):
    """Frames [start, end) without an accepted mask, and the accepted frames to start from.

    These are the frames next to them (None at a segment edge), or the nearest ones outside of a segment without any.
    """

    start: int
    end: int
    left: int | None
    right: int | None


def find_gaps(segment: tuple[int, int], accepted: AcceptedMasks, object_id: int) -> list[Gap]:
    """List the gaps of one object in a segment [start, end), in order; empty without an accepted mask of the object."""
    start, end = segment
    frames = sorted(frame for frame, masks in accepted.items() if object_id in masks)
    barriers = [frame for frame in frames if start <= frame < end]
    if not barriers:
        earlier = [frame for frame in frames if frame < start]
        later = [frame for frame in frames if frame >= end]
        return [Gap(start, end, max(earlier, default=None), min(later, default=None))] if frames else []
    gaps = [Gap(start, barriers[0], None, barriers[0])]
    for left, right in itertools.pairwise(barriers):
        gaps.append(Gap(left + 1, right, left, right))
    gaps.append(Gap(barriers[-1] + 1, end, barriers[-1], None))
    return [gap for gap in gaps if gap.start < gap.end]


def frames_between(barrier: int, gap: Gap) -> range:
    """List the frames to follow the objects through, from an accepted frame outside of a segment to its first frame.

    All of them if they are few, otherwise some; none over a long distance: the steps would be too wide.
    """
    sign, first = (1, gap.start) if barrier < gap.start else (-1, gap.end - 1)
    distance = abs(first - barrier)
    if distance > MAX_DISTANCE:
        return range(0)
    step = sign * math.ceil(distance / MAX_BETWEEN)
    return range(barrier + step, first, step)
