"""A state as plain JSON: everything but the masks themselves; of the frames, columns, since a video has many."""

from typing import Any

from avseg.annotate.document.models import Mark, Segment, Spent, VideoFacts
from avseg.annotate.document.state import State

COLUMNS = ("frame", "source", "masked", "accepted", "anchor", "stale", "score", "points")


def snapshot(state: State, video: VideoFacts) -> dict[str, Any]:
    """What the page draws and what tells whether two documents are the same.

    Returns:
        "video": its facts; "status"; "objects" and "segments": lists of mappings, by id; "frames": for each object (its
        id as a text) columns of equal length, one entry for each visible mark by frame, see `COLUMNS`.
    """
    return {
        "video": {key: getattr(video, key) for key in ("name", "frames", "fps", "height", "width")},
        "status": state.status,
        "objects": [
            {"id": each.id, "label": each.label, "name": each.name, "colour": each.colour}
            for _, each in sorted(state.objects.items())
        ],
        "segments": [_segment(state, each) for _, each in sorted(state.segments.items())],
        "frames": {str(name): _columns(state, name) for name in sorted(state.objects)},
    }


def _segment(state: State, segment: Segment) -> dict[str, Any]:
    spent = state.spent.get(segment.id, Spent())
    frames = [(frame, state.marks[segment.object][frame]) for frame in state.frames_in(segment)]
    masked = [(frame, mark) for frame, mark in frames if mark.counts is not None]
    return {
        "id": segment.id,
        "object": segment.object,
        "start": segment.start,
        "end": segment.end,
        "status": segment.status,
        "seconds": spent.seconds,
        "clicks": spent.clicks,
        "masks": len(masked),
        "accepted": sum(mark.accepted for _, mark in masked),
        "stale": sum(state.outdated(segment, frame, mark) for frame, mark in masked),
    }


def _columns(state: State, name: int) -> dict[str, list[Any]]:
    rows = [
        (frame, segment, state.marks[name][frame])
        for segment in state.segments_of(name)
        for frame in state.frames_in(segment)
    ]
    cells = [_row(state, frame, segment, mark) for frame, segment, mark in rows]
    return {column: [row[place] for row in cells] for place, column in enumerate(COLUMNS)}


def _row(state: State, frame: int, segment: Segment, mark: Mark) -> tuple[Any, ...]:
    stale = state.outdated(segment, frame, mark)
    masked, points = mark.counts is not None, len(mark.points)
    return frame, mark.source, masked, mark.accepted, mark.anchor, stale, mark.score, points
