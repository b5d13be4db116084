"""A video's annotation in the form in which the page gets it: all of it once, then what each change touched."""

import hashlib
from collections.abc import Mapping
from typing import Any

from avseg.annotate.document.document import Document
from avseg.annotate.document.history import HistoryEntry
from avseg.annotate.document.models import HAND, Change, FrameInfo
from avseg.annotate.document.rle import RLE

_STEPS = 60  # of the history that the page lists
Ranges = Mapping[int, tuple[int, int]]


def key_of(name: str) -> str:
    """The name of a video in addresses: no path ever stands in one."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def whole(document: Document) -> dict[str, Any]:
    """Everything but masks, with all frames."""
    found = document.snapshot()
    return {**_tables(document), "version": found["version"], "frames": found["frames"]}


def changed(document: Document, ranges: Ranges) -> dict[str, Any]:
    """Everything but masks, with the frames of these ranges only: a long video has many others."""
    patches = [
        {"object": name, "start": start, "end": end, **_columns(document, name, start, end)}
        for name, (start, end) in ranges.items()
    ]
    return {**_tables(document), "patches": patches}


def union(changes: list[Change]) -> dict[int, tuple[int, int]]:
    """The frames that several changes touched, by object."""
    ranges: dict[int, tuple[int, int]] = {}
    for change in changes:
        for name, (start, end) in change.frames.items():
            low, high = ranges.get(name, (start, end))
            ranges[name] = (min(low, start), max(high, end))
    return ranges


def masks(document: Document, frame: int, before: Mapping[str, RLE]) -> dict[str, Any]:
    """All masks of one frame, with what is known of them.

    Args:
        document: of the video.
        frame: its number.
        before: the propagated mask by the counts of the refined one, where it is remembered.
    """
    found = []
    for name in document.objects:
        info, rle = document.frame_info(name, frame), document.rle(name, frame)
        if rle is not None or info.points or info.box is not None:
            old = before.get(rle["counts"]) if rle is not None else None
            found.append({"object": name, "rle": rle, "before": old, **_info(info)})
    return {"frame": frame, "masks": found}


def _info(info: FrameInfo) -> dict[str, Any]:
    return {
        "source": info.source,
        "by_hand": info.source in HAND,
        "accepted": info.accepted,
        "stale": info.stale,
        "points": [[float(x), float(y), int(positive)] for x, y, positive in info.points],
        "box": None if info.box is None else [float(side) for side in info.box],
        "score": info.score,
        "terms": {name: float(value) for name, value in info.terms.items()},
        "from_frame": info.from_frame,
        "model": info.model,
    }


def _tables(document: Document) -> dict[str, Any]:
    return {
        "version": document.version,
        "status": document.status,
        "objects": [
            {"id": one.id, "label": one.label, "name": one.name, "colour": one.colour}
            for _, one in sorted(document.objects.items())
        ],
        "segments": [_segment(document, name) for name in sorted(document.segments)],
        "history": _history(document),
    }


def _segment(document: Document, name: int) -> dict[str, Any]:
    one, spent = document.segments[name], document.effort.get(name)
    return {
        "id": one.id,
        "object": one.object_id,
        "start": one.start,
        "end": one.end,
        "status": one.status,
        "seconds": spent.seconds if spent else 0.0,
        "clicks": spent.clicks if spent else 0,
    }


def _history(document: Document) -> dict[str, list[str]]:
    """What was done, the latest first, and what was undone, the next to redo first."""
    steps = document.history
    done = [_words(step) for step in steps if not step.undone]
    return {"done": done[: -_STEPS - 1 : -1], "undone": [_words(step) for step in steps if step.undone][:_STEPS]}


def _words(step: HistoryEntry) -> str:
    names = {"set_results": "propagate", "set_mask": "mask", "set_prompts": "points"}
    words = names.get(step.op, step.op.replace("_", " "))
    return f"{words}, {step.frames} frames" if step.frames > 1 else words


def _columns(document: Document, name: int, start: int, end: int) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {"frame": [], "source": [], "accepted": [], "stale": [], "score": []}
    if name not in document.objects:
        return columns
    for frame in range(start, end):
        info = document.frame_info(name, frame)
        if info.source is not None:
            row = (frame, info.source, info.accepted, info.stale, info.score)
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
    return columns
