"""State as plain JSON: everything except the masks; marks as columns, since a video has many frames."""

from collections.abc import Mapping
from dataclasses import asdict

from avseg.annotate.document.models import Effort, Json, Object, Segment, VideoFacts
from avseg.annotate.document.state import State

COLUMNS = ("frame", "source", "masked", "accepted", "anchor", "stale", "score", "points")


def take_snapshot(state: State, video: VideoFacts) -> Json:
    """Convert a state to plain JSON; documents with equal snapshots have the same annotation apart from masks.

    "objects" and "segments" are lists of rows, by id; "frames" has for each object (its id as a text) the columns
    `COLUMNS` of equal length, one entry per visible mark, by frame.
    """
    return {
        "video": asdict(video),
        "status": state.status,
        "objects": [object_row(item) for _, item in sorted(state.objects.items())],
        "segments": [_segment_row(state, segment) for _, segment in sorted(state.segments.items())],
        "frames": {str(object_id): _columns(state, object_id) for object_id in sorted(state.objects)},
    }


def object_row(item: Object) -> Json:
    """Convert an object to plain JSON."""
    return {**asdict(item), "colour": item.colour}


def segment_row(segment: Segment, effort: Mapping[int, Effort]) -> Json:
    """Convert a segment to plain JSON, with a person's work on it."""
    values = asdict(segment)
    row = {"id": values.pop("id"), "object": values.pop("object_id"), **values}
    return row | asdict(effort.get(segment.id, Effort()))


def _segment_row(state: State, segment: Segment) -> Json:
    masks = accepted = stale = 0
    for frame in state.marked_frames(segment):
        mark = state.marks[segment.object_id][frame]
        if mark.counts is not None:
            masks += 1
            accepted += mark.accepted
            stale += state.is_outdated(segment, frame, mark)
    return {**segment_row(segment, state.effort), "masks": masks, "accepted": accepted, "stale": stale}


def _columns(state: State, object_id: int) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {name: [] for name in COLUMNS}
    for segment in state.segments_of(object_id):
        for frame in state.marked_frames(segment):
            mark = state.marks[object_id][frame]
            stale = state.is_outdated(segment, frame, mark)
            masked = mark.counts is not None
            row = (frame, mark.source, masked, mark.accepted, mark.anchor, stale, mark.score, len(mark.points))
            for cells, cell in zip(columns.values(), row, strict=True):
                cells.append(cell)
    return columns
