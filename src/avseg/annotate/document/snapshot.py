"""State as plain JSON: everything except the masks; marks as columns, since a video has many frames."""

from dataclasses import asdict
from typing import TypedDict

from avseg.annotate.document.models import Effort, Segment, VideoFacts
from avseg.annotate.document.state import State

COLUMNS = ("frame", "source", "masked", "accepted", "anchor", "stale", "score", "points")
Cell = int | float | str | bool | None


class ObjectRow(TypedDict):
    """An object, see `models.Object`."""

    id: int
    label: str
    name: str
    colour: str


class SegmentRow(TypedDict):
    """A segment, see `models.Segment`, with a person's work on it and the counts of its masks."""

    id: int
    object: int
    start: int
    end: int
    status: str
    seconds: float
    clicks: int
    masks: int
    accepted: int
    stale: int


class Snapshot(TypedDict):
    """A state; `frames` has one entry per object id: the columns `COLUMNS` with a cell per visible mark, by frame."""

    video: dict[str, Cell]
    status: str
    objects: list[ObjectRow]
    segments: list[SegmentRow]
    frames: dict[str, dict[str, list[Cell]]]


class DocumentSnapshot(Snapshot):
    """A snapshot with the version of the document and the operations that undo and redo would affect."""

    version: int
    undo: str | None
    redo: str | None


def take_snapshot(state: State, video: VideoFacts) -> Snapshot:
    """Convert a state to plain JSON; two documents with equal snapshots have the same annotation apart from masks."""
    objects: list[ObjectRow] = []
    for _, item in sorted(state.objects.items()):
        objects.append({"id": item.id, "label": item.label, "name": item.name, "colour": item.colour})
    return {
        "video": asdict(video),
        "status": state.status,
        "objects": objects,
        "segments": [_segment_row(state, segment) for _, segment in sorted(state.segments.items())],
        "frames": {str(object_id): _columns(state, object_id) for object_id in sorted(state.objects)},
    }


def _segment_row(state: State, segment: Segment) -> SegmentRow:
    effort = state.effort.get(segment.id, Effort())
    masks = accepted = stale = 0
    for frame in state.marked_frames(segment):
        mark = state.marks[segment.object_id][frame]
        if mark.counts is not None:
            masks += 1
            accepted += mark.accepted
            stale += state.is_outdated(segment, frame, mark)
    return {
        "id": segment.id,
        "object": segment.object_id,
        "start": segment.start,
        "end": segment.end,
        "status": segment.status,
        "seconds": effort.seconds,
        "clicks": effort.clicks,
        "masks": masks,
        "accepted": accepted,
        "stale": stale,
    }


def _columns(state: State, object_id: int) -> dict[str, list[Cell]]:
    columns: dict[str, list[Cell]] = {name: [] for name in COLUMNS}
    for segment in state.segments_of(object_id):
        for frame in state.marked_frames(segment):
            mark = state.marks[object_id][frame]
            stale = state.is_outdated(segment, frame, mark)
            masked = mark.counts is not None
            row = (frame, mark.source, masked, mark.accepted, mark.anchor, stale, mark.score, len(mark.points))
            for cells, cell in zip(columns.values(), row, strict=True):
                cells.append(cell)
    return columns
