"""What each operation does to a state: pure functions that give a patch, or refuse in one line and change nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from avseg.annotate.document.models import Mark, Object, Segment, Spent
from avseg.annotate.document.state import Key, Patch, State
from avseg.utils.errors import UserError

Op = dict[str, Any]


@dataclass
class Effect:
    """A patch and what is told of it.

    Attributes:
        patch: empty where an operation changes nothing.
        spans: for each object the frames that the operation is about, as a half-open range.
        object: the object that was added.
        segment: the segment that was added.
        skipped: results that were left out.
        undoable: whether undo takes it back.
    """

    patch: Patch = field(default_factory=dict)
    spans: dict[int, tuple[int, int]] = field(default_factory=dict)
    object: int | None = None
    segment: int | None = None
    skipped: int = 0
    undoable: bool = True


def effect(state: State, op: Op, stamp: int) -> Effect:
    """What an operation would do.

    Args:
        state: is only read.
        op: as `operations.check` gave it.
        stamp: the age of the masks that it makes.

    Raises:
        UserError: it does not fit the state.
    """
    try:
        return _EFFECTS[op["op"]](state, op, stamp)
    except UserError as error:
        raise UserError(f"{op['op']}: {error}") from None


def _add_object(state: State, op: Op, stamp: int) -> Effect:
    name = max(state.objects, default=0) + 1
    same = sum(each.label == op["label"] for each in state.objects.values())
    title = op.get("name") or (op["label"] if not same else f"{op['label']} {same + 1}")
    return Effect(_patch(state, ("object", name), Object(name, op["label"], title)), object=name)


def _edit_object(state: State, op: Op, stamp: int) -> Effect:
    old = state.object(op["object"])
    new = replace(old, label=op.get("label", old.label), name=op.get("name", old.name))
    return Effect(_patch(state, ("object", old.id), new), _whole(state, [old.id]))


def _remove_object(state: State, op: Op, stamp: int) -> Effect:
    name = state.object(op["object"]).id
    patch = _patch(state, ("object", name), None)
    for segment in state.segments_of(name):
        patch |= _patch(state, ("segment", segment.id), None)
    for frame in sorted(state.marks.get(name, ())):
        patch |= _patch(state, ("mark", name, frame), None)
    return Effect(patch, _whole(state, [name]))


def _add_segment(state: State, op: Op, stamp: int) -> Effect:
    name = max(max(state.segments, default=0), max(state.spent, default=0)) + 1
    new = Segment(name, state.object(op["object"]).id, op["start"], op["end"])
    _check_edges(state, new)
    return Effect(_patch(state, ("segment", name), new), {new.object: (new.start, new.end)}, segment=name)


def _edit_segment(state: State, op: Op, stamp: int) -> Effect:
    old = state.segment(op["segment"])
    new = replace(old, start=op.get("start", old.start), end=op.get("end", old.end))
    _check_edges(state, new)
    span = (min(old.start, new.start), max(old.end, new.end))
    return Effect(_patch(state, ("segment", old.id), new), {old.object: span})


def _split_segment(state: State, op: Op, stamp: int) -> Effect:
    old, at = state.segment(op["segment"]), op["at"]
    if not old.start < at < old.end:
        raise UserError(f"at is {at}; allowed: {old.start + 1} to {old.end - 1}, inside segment {old.id}")
    name = max(max(state.segments), max(state.spent, default=0)) + 1
    patch = _patch(state, ("segment", old.id), replace(old, end=at))
    patch |= _patch(state, ("segment", name), replace(old, id=name, start=at))
    return Effect(patch, {old.object: (old.start, old.end)}, segment=name)


def _merge_segments(state: State, op: Op, stamp: int) -> Effect:
    parts = sorted((state.segment(name) for name in op["segments"]), key=lambda each: each.start)
    if len({each.object for each in parts}) > 1:
        raise UserError(f"segments {_listed(op['segments'])} are of several objects; merge those of one")
    first, last = parts[0], parts[-1]
    status = first.status if len({each.status for each in parts}) == 1 else "open"
    patch: Patch = {}
    for each in parts[1:]:
        patch |= _patch(state, ("segment", each.id), None)
    whole = replace(first, end=last.end, status=status)
    between = [each for each in _overlapping(state, whole) if each.id not in op["segments"]]
    if between:
        raise UserError(f"segment {between[0].id} lies between them; merge it too")
    patch |= _patch(state, ("segment", first.id), whole)
    return Effect(patch, {first.object: (whole.start, whole.end)}, segment=first.id)


def _remove_segment(state: State, op: Op, stamp: int) -> Effect:
    """Takes the marks with it, also those that its edges hid in the silence around."""
    old = state.segment(op["segment"])
    others = [each for each in state.segments_of(old.object) if each.id != old.id]
    low = max((each.end for each in others if each.end <= old.start), default=0)
    high = min((each.start for each in others if each.start >= old.end), default=None)
    patch = _patch(state, ("segment", old.id), None)
    for frame in sorted(state.marks.get(old.object, ())):
        if low <= frame and (high is None or frame < high):
            patch |= _patch(state, ("mark", old.object, frame), None)
    return Effect(patch, {old.object: (old.start, old.end)})


def _set_segment_status(state: State, op: Op, stamp: int) -> Effect:
    old = state.segment(op["segment"])
    return Effect(_patch(state, ("segment", old.id), replace(old, status=op["status"])))


def _set_prompts(state: State, op: Op, stamp: int) -> Effect:
    name, frame = op["object"], op["frame"]
    _sounding(state, name, frame)
    old = state.get(("mark", name, frame)) or Mark(None, "points", stamp)
    new: Mark | None = replace(old, points=_points(op), box=_box(op))
    if old.counts is None and not _points(op) and _box(op) is None:
        new = None  # no mask and no prompts: nothing is left
    return Effect(_patch(state, ("mark", name, frame), new), {name: (frame, frame + 1)})


def _set_mask(state: State, op: Op, stamp: int) -> Effect:
    name, frame = op["object"], op["frame"]
    segment = _sounding(state, name, frame)
    mark = _mark(state, segment, op, stamp)
    return Effect(_patch(state, ("mark", name, frame), mark), {name: (frame, frame + 1)})


def _clear_mask(state: State, op: Op, stamp: int) -> Effect:
    name = state.object(op["object"]).id
    frames = op.get("frames", []) + ([op["frame"]] if "frame" in op else [])
    if not frames:
        raise UserError("frame is missing; it needs frame or frames")
    marked = [frame for frame in frames if state.visible(name, frame) is not None]
    if not marked:
        raise UserError(f"object {name} has no mask in frame {_listed(frames)}")
    patch: Patch = {}
    for frame in marked:
        patch |= _patch(state, ("mark", name, frame), None)
    return Effect(patch, {name: _span(marked)})


def _set_results(state: State, op: Op, stamp: int) -> Effect:
    """Takes what a propagation made, but for frames that a person has made, accepted or silenced meanwhile."""
    main, skipped = state.segment(op["segment"]), 0
    patch: Patch = {}
    frames: dict[int, list[int]] = {}
    for result in op["results"]:
        name, frame = state.object(result["object"]).id, result["frame"]
        segment = main if name == main.object and frame in main else state.segment_at(name, frame)
        old = state.get(("mark", name, frame))
        if segment is None or (name == main.object and segment is not main) or (old is not None and old.anchor):
            skipped += 1
            continue
        patch |= _patch(state, ("mark", name, frame), _mark(state, segment, result, stamp))
        frames.setdefault(name, []).append(frame)
    return Effect(patch, {name: _span(each) for name, each in frames.items()}, skipped=skipped)


def _accept(state: State, op: Op, stamp: int) -> Effect:
    name = state.object(op["object"]).id
    patch: Patch = {}
    for frame in op["frames"]:
        mark = state.visible(name, frame)
        if mark is None or mark.counts is None:
            raise UserError(f"object {name} has no mask in frame {frame}; make one or leave the frame out")
        patch |= _patch(state, ("mark", name, frame), replace(mark, accepted=True))
    return Effect(patch, {name: _span(op["frames"])})


def _unaccept(state: State, op: Op, stamp: int) -> Effect:
    name = state.object(op["object"]).id
    patch: Patch = {}
    for frame in op["frames"]:
        mark = state.visible(name, frame)
        if mark is not None and mark.accepted:
            patch |= _patch(state, ("mark", name, frame), replace(mark, accepted=False))
    return Effect(patch, {name: _span(op["frames"])})


def _set_status(state: State, op: Op, stamp: int) -> Effect:
    return Effect(_patch(state, ("status",), op["status"]))


def _spend(state: State, op: Op, stamp: int) -> Effect:
    name = state.segment(op["segment"]).id
    old = state.spent.get(name, Spent())
    new = Spent(old.seconds + op.get("seconds", 0.0), old.clicks + op.get("clicks", 0))
    return Effect(_patch(state, ("spent", name), new if new != Spent() else None), undoable=False)


def _patch(state: State, key: Key, after: Any) -> Patch:
    before = state.get(key)
    return {} if before == after else {key: (before, after)}


def _mark(state: State, segment: Segment, op: Op, stamp: int) -> Mark:
    """A mask with its provenance; a derived one knows the anchor it came from, by default the nearest."""
    mark = Mark(
        counts=op["mask"]["counts"].encode("ascii"),
        source=op["source"],
        stamp=stamp,
        points=_points(op),
        box=_box(op),
        score=op.get("score"),
        terms=tuple(op.get("terms", {}).items()),
        model=op.get("model"),
    )
    if mark.anchor:
        return mark
    beside = [each for each in state.neighbours(segment, op["frame"]) if each is not None]
    nearest = min(beside, key=lambda each: abs(each - op["frame"]), default=None)
    origin = op.get("from_frame", nearest)
    from_mark = state.get(("mark", segment.object, origin)) if origin is not None else None
    return replace(mark, from_frame=origin, from_stamp=from_mark.stamp if from_mark is not None else None)


def _points(op: Op) -> tuple[tuple[float, float, int], ...]:
    return tuple((x, y, positive) for x, y, positive in op.get("points", ()))


def _box(op: Op) -> tuple[float, float, float, float] | None:
    return tuple(op["box"]) if "box" in op else None


def _sounding(state: State, name: int, frame: int) -> Segment:
    """The segment at a frame, which must be there: silence has no mask."""
    state.object(name)
    segment = state.segment_at(name, frame)
    if segment is None:
        ranges = [f"{each.start}-{each.end - 1}" for each in state.segments_of(name)]
        there = f"it sounds in {', '.join(ranges[:10])}" if ranges else "it has no segment yet"
        raise UserError(f"object {name} is silent in frame {frame}: {there}; add or move a segment first")
    return segment


def _check_edges(state: State, new: Segment) -> None:
    if new.start >= new.end:
        raise UserError(f"start {new.start} and end {new.end} leave no frame; end must be above start")
    over = _overlapping(state, new)
    if over:
        other = over[0]
        raise UserError(
            f"{new.start}-{new.end} overlaps segment {other.id} ({other.start}-{other.end}) of the same object; "
            "choose other edges or merge_segments"
        )


def _overlapping(state: State, new: Segment) -> list[Segment]:
    return [
        each
        for each in state.segments_of(new.object)
        if each.id != new.id and each.start < new.end and new.start < each.end
    ]


def _whole(state: State, names: Iterable[int]) -> dict[int, tuple[int, int]]:
    ranges = {name: [*state.segments_of(name)] for name in names}
    return {name: (each[0].start, each[-1].end) for name, each in ranges.items() if each}


def _span(frames: Iterable[int]) -> tuple[int, int]:
    listed = list(frames)
    return min(listed), max(listed) + 1


def _listed(names: list[int]) -> str:
    return ", ".join(map(str, names[:5])) + (", ..." if len(names) > 5 else "")


_EFFECTS: dict[str, Callable[[State, Op, int], Effect]] = {
    "add_object": _add_object,
    "edit_object": _edit_object,
    "remove_object": _remove_object,
    "add_segment": _add_segment,
    "edit_segment": _edit_segment,
    "split_segment": _split_segment,
    "merge_segments": _merge_segments,
    "remove_segment": _remove_segment,
    "set_segment_status": _set_segment_status,
    "set_prompts": _set_prompts,
    "set_mask": _set_mask,
    "clear_mask": _clear_mask,
    "set_results": _set_results,
    "accept": _accept,
    "unaccept": _unaccept,
    "set_status": _set_status,
    "spend": _spend,
}
