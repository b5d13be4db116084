"""Serialise a video's annotation for the page: all of it once, afterwards what each change touched."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict

from avseg.annotate.document.document import Document
from avseg.annotate.document.history import HistoryEntry
from avseg.annotate.document.inputs import input_to_json
from avseg.annotate.document.models import HAND, Span
from avseg.annotate.document.rle import RLE
from avseg.annotate.document.snapshot import object_row, segment_row

_MAX_STEPS = 60  # of the history that the page lists
_STEP_NAMES = {"set_results": "propagate", "set_mask": "mask", "set_prompts": "points", "draw": "draw"}
Json = dict[str, object]


def video_key(name: str) -> str:
    """Return the key of a video in URLs, which never contain a path."""
    # names of files need not be valid UTF-8
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def full_snapshot(document: Document) -> Json:
    """Serialise everything but masks, with all frames."""
    content = document.snapshot()
    # the version of the frames, in case an edit came in between
    return {**_tables(document), "version": content["version"], "frames": content["frames"]}


def changed_snapshot(document: Document, spans: Mapping[int, Span]) -> Json:
    """Serialise everything but masks, with the frames of a span per object only: a long video has many more."""
    patches = []
    for object_id, (start, end) in spans.items():
        columns = _columns(document, object_id, start, end)
        patches.append({"object": object_id, "start": start, "end": end, **columns})
    return {**_tables(document), "patches": patches}


def frame_masks(document: Document, frame: int, prior_of: Callable[[str], RLE | None]) -> Json:
    """Serialise all masks of one frame, with their prompts and provenance.

    `prior_of` returns the propagated mask by the counts of the refined one, None if it is not known.
    """
    rows = []
    for object_id in document.objects:
        info, rle = document.frame_info(object_id, frame), document.rle(object_id, frame)
        if rle is None and not info.points and info.box is None and not info.inputs:
            continue
        row = asdict(info)
        del row["anchor"], row["base"]
        row["inputs"] = list(map(input_to_json, info.inputs))
        prior = None if rle is None else prior_of(rle["counts"])
        if info.base is not None:
            prior = {"size": [document.video.height, document.video.width], "counts": info.base.decode("ascii")}
        rows.append({"object": object_id, "rle": rle, "before": prior, "by_hand": info.source in HAND, **row})
    return {"frame": frame, "masks": rows}


def _tables(document: Document) -> Json:
    effort = document.effort
    return {
        "version": document.version,
        "status": document.status,
        "objects": [object_row(item) for _, item in sorted(document.objects.items())],
        "segments": [segment_row(segment, effort) for _, segment in sorted(document.segments.items())],
        "history": _history(document),
    }


def _history(document: Document) -> Json:
    """List the steps in effect, latest first, with their number, and those that were undone, next to redo first."""
    done: list[str] = []
    undone: list[str] = []
    names = {object_id: item.name for object_id, item in document.objects.items()}
    for step in document.history:
        (undone if step.undone else done).append(step_title(step, names))
    # history is oldest first
    return {"done": done[: -_MAX_STEPS - 1 : -1], "undone": undone[:_MAX_STEPS], "position": len(done)}


def step_title(step: HistoryEntry, names: Mapping[int, str]) -> str:
    """Name a step with its object and its frames: "draw · dog, frame 12"."""
    title = _STEP_NAMES.get(step.op, step.op.replace("_", " "))
    if step.object_id is None:
        return title
    name = names.get(step.object_id, f"object {step.object_id}")
    if step.span is None:
        return f"{title} · {name}"
    start, end = step.span
    where = f"frame {start}" if end - start == 1 else f"frames {start}–{end - 1}"
    return f"{title} · {name}, {where}"


def _columns(document: Document, object_id: int, start: int, end: int) -> dict[str, list[object]]:
    """Collect the frames with a mask in a range, one list per column."""
    names = ("source", "accepted", "stale", "score")
    columns: dict[str, list[object]] = {"frame": [], **{name: [] for name in names}}
    if object_id not in document.objects:  # removed by the change
        return columns
    for frame in range(start, end):
        info = document.frame_info(object_id, frame)
        if info.source is not None:
            columns["frame"].append(frame)
            for name in names:
                columns[name].append(getattr(info, name))
    return columns
