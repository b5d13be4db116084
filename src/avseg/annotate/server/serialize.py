"""Serialise a video's annotation for the page: all of it once, afterwards what each change touched."""

import hashlib
from collections.abc import Callable, Mapping
from typing import NotRequired, TypedDict

from avseg.annotate.document.document import Document
from avseg.annotate.document.models import HAND, Change, FrameInfo
from avseg.annotate.document.rle import RLE

_MAX_STEPS = 60  # of the history that the page lists
_STEP_NAMES = {"set_results": "propagate", "set_mask": "mask", "set_prompts": "points"}
Ranges = Mapping[int, tuple[int, int]]  # half-open ranges of frames by object id


class ObjectRow(TypedDict):
    """An object of the document."""

    id: int
    label: str
    name: str
    colour: str


class SegmentRow(TypedDict):
    """An audible segment, and the work spent on it."""

    id: int
    object: int
    start: int
    end: int
    status: str
    seconds: float
    clicks: int


class History(TypedDict):
    """Names of steps: done, the latest first, and undone, the next to redo first."""

    done: list[str]
    undone: list[str]


class Patch(TypedDict):
    """The frames with a mask in a range of one object, one list per column."""

    object: int
    start: int
    end: int
    frame: list[int]
    source: list[str]
    accepted: list[bool]
    stale: list[bool]
    score: list[float | None]


class Snapshot(TypedDict):
    """The document without masks: `frames` with all frames, or `patches` with the changed ones."""

    version: int
    status: str
    objects: list[ObjectRow]
    segments: list[SegmentRow]
    history: History
    frames: NotRequired[object]
    patches: NotRequired[list[Patch]]


class MaskRow(TypedDict):
    """A mask with its prompts and provenance; `before` is the prior that it was refined from."""

    object: int
    rle: RLE | None
    before: RLE | None
    source: str | None
    by_hand: bool
    accepted: bool
    stale: bool
    points: list[list[float]]
    box: list[float] | None
    score: float | None
    terms: dict[str, float]
    from_frame: int | None
    model: str | None


class FrameMasks(TypedDict):
    """All masks of one frame."""

    frame: int
    masks: list[MaskRow]


def video_key(name: str) -> str:
    """Return the key of a video in URLs, which never contain a path."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def full_snapshot(document: Document) -> Snapshot:
    """Serialise everything but masks, with all frames."""
    content = document.snapshot()
    return {**_tables(document), "version": content["version"], "frames": content["frames"]}


def changed_snapshot(document: Document, ranges: Ranges) -> Snapshot:
    """Serialise everything but masks, with the frames of the given ranges only: a long video has many more."""
    patches = []
    for object_id, (start, end) in ranges.items():
        patches.append(_patch(document, object_id, start, end))
    return {**_tables(document), "patches": patches}


def touched_ranges(changes: list[Change]) -> dict[int, tuple[int, int]]:
    """Unite the frame ranges that several changes touched, by object id."""
    ranges: dict[int, tuple[int, int]] = {}
    for change in changes:
        for object_id, (start, end) in change.frames.items():
            low, high = ranges.get(object_id, (start, end))
            ranges[object_id] = (min(low, start), max(high, end))
    return ranges


def frame_masks(document: Document, frame: int, prior_of: Callable[[str], RLE | None]) -> FrameMasks:
    """Serialise all masks of one frame.

    Args:
        document: of the video.
        frame: index.
        prior_of: returns the propagated mask by the counts of the refined one, None if it is not known.
    """
    rows: list[MaskRow] = []
    for object_id in document.objects:
        info, rle = document.frame_info(object_id, frame), document.rle(object_id, frame)
        if rle is not None or info.points or info.box is not None:
            rows.append(_mask_row(object_id, info, rle, None if rle is None else prior_of(rle["counts"])))
    return {"frame": frame, "masks": rows}


def _mask_row(object_id: int, info: FrameInfo, rle: RLE | None, prior: RLE | None) -> MaskRow:
    return {
        "object": object_id,
        "rle": rle,
        "before": prior,
        "source": info.source,
        "by_hand": info.source in HAND,
        "accepted": info.accepted,
        "stale": info.stale,
        "points": [[float(x), float(y), int(positive)] for x, y, positive in info.points],
        "box": None if info.box is None else list(map(float, info.box)),
        "score": info.score,
        "terms": {name: float(value) for name, value in info.terms.items()},
        "from_frame": info.from_frame,
        "model": info.model,
    }


def _tables(document: Document) -> Snapshot:
    objects: list[ObjectRow] = []
    for _, item in sorted(document.objects.items()):
        objects.append({"id": item.id, "label": item.label, "name": item.name, "colour": item.colour})
    return {
        "version": document.version,
        "status": document.status,
        "objects": objects,
        "segments": [_segment(document, segment_id) for segment_id in sorted(document.segments)],
        "history": _history(document),
    }


def _segment(document: Document, segment_id: int) -> SegmentRow:
    segment, spent = document.segments[segment_id], document.effort.get(segment_id)
    return {
        "id": segment.id,
        "object": segment.object_id,
        "start": segment.start,
        "end": segment.end,
        "status": segment.status,
        "seconds": spent.seconds if spent else 0.0,
        "clicks": spent.clicks if spent else 0,
    }


def _history(document: Document) -> History:
    done: list[str] = []
    undone: list[str] = []
    for step in document.history:
        name = _STEP_NAMES.get(step.op, step.op.replace("_", " "))
        title = f"{name}, {step.frames} frames" if step.frames > 1 else name
        (undone if step.undone else done).append(title)
    return {"done": done[: -_MAX_STEPS - 1 : -1], "undone": undone[:_MAX_STEPS]}


def _patch(document: Document, object_id: int, start: int, end: int) -> Patch:
    patch: Patch = {
        "object": object_id, "start": start, "end": end,
        "frame": [], "source": [], "accepted": [], "stale": [], "score": [],
    }  # fmt: skip
    if object_id not in document.objects:
        return patch
    for frame in range(start, end):
        info = document.frame_info(object_id, frame)
        if info.source is not None:
            patch["frame"].append(frame)
            patch["source"].append(info.source)
            patch["accepted"].append(info.accepted)
            patch["stale"].append(info.stale)
            patch["score"].append(info.score)
    return patch
