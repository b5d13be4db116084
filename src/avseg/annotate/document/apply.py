"""Effect of each operation on a state: pure functions that return a patch, or refuse and change nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import singledispatch
from operator import attrgetter
from typing import Any

from avseg.annotate.document import operations as ops
from avseg.annotate.document.drafts import Drawing, drawn, marks_after
from avseg.annotate.document.models import Effort, Mark, Object, Segment, Span
from avseg.annotate.document.state import Key, Patch, State
from avseg.utils.errors import UserError


@dataclass
class Effect:
    """A patch, and what to report about it."""

    patch: Patch = field(default_factory=dict)  # empty if the operation changes nothing
    spans: dict[int, Span] = field(default_factory=dict)  # by object id: the frames that the operation is about
    object_id: int | None = None  # of the object that was added
    segment_id: int | None = None  # of the segment that was added
    skipped: int = 0  # results that were left out
    undoable: bool = True
    steps: list[Patch] = field(default_factory=list)  # of undo, if the operation makes several


def compute_effect(state: State, op: ops.Edit, stamp: int) -> Effect:
    """Compute what a checked operation would do to the state; the masks that it makes get the age `stamp`."""
    try:
        return _effect(op, state, stamp)
    except UserError as error:
        raise UserError(f"{op.op}: {error}") from None


@singledispatch
def _effect(op: ops.Edit, state: State, stamp: int) -> Effect:
    raise TypeError(op)


@_effect.register
def _add_object(op: ops.AddObject, state: State, stamp: int) -> Effect:
    object_id = max(state.objects, default=0) + 1
    # the second dog is called "dog 2"
    same_label = sum(existing.label == op.label for existing in state.objects.values())
    default_name = f"{op.label} {same_label + 1}" if same_label else op.label
    added = Object(object_id, op.label, op.name or default_name)
    return Effect(_patch(state, ("object", object_id), added), object_id=object_id)


@_effect.register
def _edit_object(op: ops.EditObject, state: State, stamp: int) -> Effect:
    old = state.object(op.object_id)
    new = replace(old, label=op.label or old.label, name=op.name or old.name)
    return Effect(_patch(state, ("object", old.id), new), _audible_span(state, old.id))


@_effect.register
def _remove_object(op: ops.RemoveObject, state: State, stamp: int) -> Effect:
    object_id = state.object(op.object_id).id
    patch = _patch(state, ("object", object_id), None)
    for segment in state.segments_of(object_id):
        patch |= _patch(state, ("segment", segment.id), None)
    for frame in sorted(state.marks.get(object_id, ())):  # hidden ones too
        patch |= _patch(state, ("mark", object_id, frame), None)
    return Effect(patch, _audible_span(state, object_id))


@_effect.register
def _add_segment(op: ops.AddSegment, state: State, stamp: int) -> Effect:
    added = Segment(_next_segment_id(state), state.object(op.object_id).id, op.start, op.end)
    _check_edges(state, added)
    patch = _patch(state, ("segment", added.id), added)
    return Effect(patch, {added.object_id: (added.start, added.end)}, segment_id=added.id)


@_effect.register
def _edit_segment(op: ops.EditSegment, state: State, stamp: int) -> Effect:
    old = state.segment(op.segment_id)
    start = old.start if op.start is None else op.start
    end = old.end if op.end is None else op.end
    new = replace(old, start=start, end=end)
    _check_edges(state, new)
    span = (min(old.start, new.start), max(old.end, new.end))  # frames that appear or disappear
    return Effect(_patch(state, ("segment", old.id), new), {old.object_id: span})


@_effect.register
def _split_segment(op: ops.SplitSegment, state: State, stamp: int) -> Effect:
    old = state.segment(op.segment_id)
    if not old.start < op.at < old.end:
        raise UserError(f"at is {op.at}; allowed: {old.start + 1} to {old.end - 1}, inside segment {old.id}")
    right = replace(old, id=_next_segment_id(state), start=op.at)
    patch = _patch(state, ("segment", old.id), replace(old, end=op.at))
    patch |= _patch(state, ("segment", right.id), right)
    return Effect(patch, {old.object_id: (old.start, old.end)}, segment_id=right.id)


@_effect.register
def _merge_segments(op: ops.MergeSegments, state: State, stamp: int) -> Effect:
    segments = sorted(map(state.segment, op.segment_ids), key=attrgetter("start"))
    first, *later = segments
    if len(set(map(attrgetter("object_id"), segments))) > 1:
        raise UserError(f"segments {_listed(op.segment_ids)} are of several objects; merge those of one")
    statuses = set(map(attrgetter("status"), segments))
    merged = replace(first, end=segments[-1].end, status=first.status if len(statuses) == 1 else "open")
    for segment in _overlapping(state, merged):
        if segment.id not in op.segment_ids:
            raise UserError(f"segment {segment.id} is between them; merge it too")
    patch: Patch = {}
    for segment in later:
        patch |= _patch(state, ("segment", segment.id), None)
    patch |= _patch(state, ("segment", merged.id), merged)
    return Effect(patch, {merged.object_id: (merged.start, merged.end)}, segment_id=merged.id)


@_effect.register
def _move_segment(op: ops.MoveSegment, state: State, stamp: int) -> Effect:
    old = state.segment(op.segment_id)
    new = replace(old, object_id=state.object(op.object_id).id)
    if new == old:
        return Effect()
    _check_edges(state, new)
    patch = _patch(state, ("segment", old.id), new)
    for frame in range(old.start, old.end):
        # a mark of the new object there is hidden: it is silent in these frames
        patch |= _patch(state, ("mark", new.object_id, frame), state.mark(old.object_id, frame))
        patch |= _patch(state, ("mark", old.object_id, frame), None)
    span = (old.start, old.end)
    return Effect(patch, {old.object_id: span, new.object_id: span})


@_effect.register
def _remove_segment(op: ops.RemoveSegment, state: State, stamp: int) -> Effect:
    """Remove a segment and its marks, also those hidden in the silence around it by moved edges."""
    old = state.segment(op.segment_id)
    low, high = 0, None  # frames between the neighbouring segments
    for segment in state.segments_of(old.object_id):
        if segment.end <= old.start:
            low = segment.end
        elif segment.start >= old.end and high is None:
            high = segment.start
    patch = _patch(state, ("segment", old.id), None)
    for frame in sorted(state.marks.get(old.object_id, ())):
        if low <= frame and (high is None or frame < high):
            patch |= _patch(state, ("mark", old.object_id, frame), None)
    return Effect(patch, {old.object_id: (old.start, old.end)})


@_effect.register
def _set_segment_status(op: ops.SetSegmentStatus, state: State, stamp: int) -> Effect:
    old = state.segment(op.segment_id)
    return Effect(_patch(state, ("segment", old.id), replace(old, status=op.status)))


@_effect.register
def _set_prompts(op: ops.SetPrompts, state: State, stamp: int) -> Effect:
    _audible_segment(state, op.object_id, op.frame)
    old = state.mark(op.object_id, op.frame) or Mark(None, "points", stamp)
    new: Mark | None = replace(old, points=op.points, box=op.box)
    if old.counts is None and not op.points and op.box is None:
        new = None  # neither mask nor prompts are left
    patch = _patch(state, ("mark", op.object_id, op.frame), new)
    return Effect(patch, {op.object_id: (op.frame, op.frame + 1)})


@_effect.register
def _draw(op: ops.Draw, state: State, stamp: int) -> Effect:
    _audible_segment(state, op.object_id, op.frame)
    key = ("mark", op.object_id, op.frame)
    first = old = state.mark(op.object_id, op.frame)
    steps: list[Patch] = []
    for new in marks_after(old, op.actions, Drawing(op.mask, op.score, op.model), stamp):
        if new != old:
            steps.append({key: (old, new)})
        old = new
    patch: Patch = {key: (first, old)} if steps else {}
    return Effect(patch, {op.object_id: (op.frame, op.frame + 1)}, steps=steps)


@_effect.register
def _redraw(op: ops.Redraw, state: State, stamp: int) -> Effect:
    mark = state.mark(op.object_id, op.frame)
    if mark is None or mark.drawn:
        return Effect()
    new = drawn(mark, Drawing(op.mask, op.score, op.model))
    patch = _patch(state, ("mark", op.object_id, op.frame), new)
    return Effect(patch, {op.object_id: (op.frame, op.frame + 1)}, undoable=False)


@_effect.register
def _set_mask(op: ops.SetMask, state: State, stamp: int) -> Effect:
    segment = _audible_segment(state, op.object_id, op.frame)
    patch = _patch(state, ("mark", op.object_id, op.frame), _make_mark(state, segment, op, stamp))
    return Effect(patch, {op.object_id: (op.frame, op.frame + 1)})


@_effect.register
def _clear_mask(op: ops.ClearMask, state: State, stamp: int) -> Effect:
    object_id = state.object(op.object_id).id
    frames = list(op.frames or ())
    if op.frame is not None:
        frames.append(op.frame)
    if not frames:
        raise UserError("frame is missing; it needs frame or frames")
    patch: Patch = {}
    for frame in frames:
        if state.visible_mark(object_id, frame) is not None:
            patch |= _patch(state, ("mark", object_id, frame), None)
    if not patch:
        raise UserError(f"object {object_id} has no mask in frame {_listed(frames)}")
    return Effect(patch, {object_id: _span(key[2] for key in patch)})


@_effect.register
def _set_results(op: ops.SetResults, state: State, stamp: int) -> Effect:
    """Take the results of a propagation, except for frames that a person has since made, accepted or silenced."""
    propagated = state.segment(op.segment_id)
    patch: Patch = {}
    skipped = 0
    frames: dict[int, list[int]] = {}
    for result in op.results:
        object_id = state.object(result.object_id).id
        frame = result.frame
        if object_id == propagated.object_id:
            segment = propagated if frame in propagated else None
        else:
            segment = state.segment_at(object_id, frame)
        old = state.mark(object_id, frame)
        # the object is silent there now, or a person has made or accepted the mask
        if segment is None or (old is not None and old.anchor):
            skipped += 1
            continue
        patch |= _patch(state, ("mark", object_id, frame), _make_mark(state, segment, result, stamp))
        frames.setdefault(object_id, []).append(frame)
    spans = {object_id: _span(object_frames) for object_id, object_frames in frames.items()}
    return Effect(patch, spans, skipped=skipped)


@_effect.register
def _accept(op: ops.Accept | ops.Unaccept, state: State, stamp: int) -> Effect:
    object_id = state.object(op.object_id).id
    accepted = isinstance(op, ops.Accept)
    patch: Patch = {}
    for frame in op.frames:
        mark = state.visible_mark(object_id, frame)
        if mark is not None and mark.counts is not None:
            patch |= _patch(state, ("mark", object_id, frame), replace(mark, accepted=accepted))
        elif accepted:
            raise UserError(f"object {object_id} has no mask in frame {frame}; make one or leave the frame out")
    return Effect(patch, {object_id: _span(op.frames)})


@_effect.register
def _set_status(op: ops.SetStatus, state: State, stamp: int) -> Effect:
    return Effect(_patch(state, ("status",), op.status))


@_effect.register
def _spend(op: ops.Spend, state: State, stamp: int) -> Effect:
    segment_id = state.segment(op.segment_id).id
    old = state.effort.get(segment_id, Effort())
    new = Effort(old.seconds + (op.seconds or 0.0), old.clicks + (op.clicks or 0))
    return Effect(_patch(state, ("effort", segment_id), new if new != Effort() else None), undoable=False)


def _patch(state: State, key: Key, new: Any) -> Patch:
    old = state.get(key)
    return {} if old == new else {key: (old, new)}  # an empty patch makes no new version


def _next_segment_id(state: State) -> int:
    # ids with recorded effort are not reused: undo of the segment does not take the effort back
    return max([0, *state.segments, *state.effort]) + 1


def _make_mark(state: State, segment: Segment, result: ops.Result, stamp: int) -> Mark:
    """Make a mark with provenance; a derived one refers to the anchor it came from, by default the nearest."""
    mark = Mark(
        counts=result.mask["counts"].encode("ascii"),
        source=result.source,
        stamp=stamp,
        points=result.points or (),
        box=result.box,
        score=result.score,
        terms=tuple((result.terms or {}).items()),
        model=result.model,
    )
    if mark.anchor:  # made by a person: it has no origin
        return mark
    origin = result.from_frame
    if origin is None:
        neighbours = [anchor for anchor in state.neighbouring_anchors(segment, result.frame) if anchor is not None]
        origin = min(neighbours, key=lambda anchor: abs(anchor - result.frame), default=None)
    from_mark = state.mark(segment.object_id, origin) if origin is not None else None
    return replace(mark, from_frame=origin, from_stamp=from_mark.stamp if from_mark is not None else None)


def _audible_segment(state: State, object_id: int, frame: int) -> Segment:
    """Return the segment at a frame; without one the object is silent and cannot have a mask."""
    state.object(object_id)
    segment = state.segment_at(object_id, frame)
    if segment is None:
        ranges = [f"{segment.start}-{segment.end - 1}" for segment in state.segments_of(object_id)]  # last included
        audible = f"it sounds in {', '.join(ranges[:10])}" if ranges else "it has no segment yet"
        raise UserError(f"object {object_id} is silent in frame {frame}: {audible}; add or move a segment first")
    return segment


def _check_edges(state: State, new: Segment) -> None:
    if new.start >= new.end:
        raise UserError(f"start {new.start} and end {new.end} leave no frame; end must be above start")
    for segment in _overlapping(state, new):
        raise UserError(
            f"{new.start}-{new.end} overlaps segment {segment.id} ({segment.start}-{segment.end}) of the same object; "
            "choose other edges or merge_segments"
        )


def _overlapping(state: State, new: Segment) -> list[Segment]:
    overlapping = []
    for segment in state.segments_of(new.object_id):
        if segment.id != new.id and segment.start < new.end and new.start < segment.end:
            overlapping.append(segment)
    return overlapping


def _audible_span(state: State, object_id: int) -> dict[int, Span]:
    segments = state.segments_of(object_id)
    return {object_id: (segments[0].start, segments[-1].end)} if segments else {}


def _span(frames: Iterable[int]) -> Span:
    ordered = sorted(frames)
    return ordered[0], ordered[-1] + 1


def _listed(numbers: Iterable[int]) -> str:
    ordered = list(numbers)
    return ", ".join(map(str, ordered[:5])) + (", ..." if len(ordered) > 5 else "")
