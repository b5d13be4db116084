"""What has to be propagated: the runs of frames between accepted ones."""

from collections.abc import Mapping
from typing import NamedTuple

from avseg.annotate.protocols import Mask

Accepted = Mapping[int, Mapping[int, Mask]]  # masks by frame, then by object


class Piece(NamedTuple):
    """Frames [start, end) without an accepted mask; the accepted frames beside them, None at an edge of the segment."""

    start: int
    end: int
    left: int | None
    right: int | None


def pieces(segment: tuple[int, int], accepted: Accepted, object_id: int) -> list[Piece]:
    """The pieces of one object in a segment [start, end), in order; none where it has no accepted mask there."""
    start, end = segment
    barriers = sorted(frame for frame, masks in accepted.items() if start <= frame < end and object_id in masks)
    if not barriers:
        return []
    runs = [
        Piece(start if left is None else left + 1, end if right is None else right, left, right)
        for left, right in zip([None, *barriers], [*barriers, None], strict=True)
    ]
    return [piece for piece in runs if piece.start < piece.end]


def piece_around(segment: tuple[int, int], accepted: Accepted, object_id: int, frame: int) -> tuple[int, int]:
    """The part of a segment that a change of `frame` concerns, [start, end), the barriers beside it included.

    `propagate` with this for its segment does the failed piece again, and nothing else. Where the frame itself is
    accepted, it is the pieces on both of its sides.
    """
    start, end = segment
    barriers = [other for other, masks in accepted.items() if start <= other < end and object_id in masks]
    return (
        max((other for other in barriers if other < frame), default=start),
        min((other + 1 for other in barriers if other > frame), default=end),
    )
