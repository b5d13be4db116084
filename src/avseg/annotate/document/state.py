"""State of an annotation at one version, and what follows from it: silence, anchors, staleness."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from avseg.annotate.document.models import DERIVED, Effort, Mark, Object, Segment, Span
from avseg.utils.errors import UserError

# ("object", id), ("segment", id), ("mark", object id, frame), ("status",), ("effort", segment id)
Key = tuple[Any, ...]
Patch = dict[Key, tuple[Any, Any]]  # the records before and after a change; None = no record


class State:
    """Tables of records; only `put` changes them, so that every change can be reverted."""

    def __init__(self) -> None:
        self.objects: dict[int, Object] = {}
        self.segments: dict[int, Segment] = {}
        # by object id, then by frame; a mark outside all segments is hidden until one covers its frame
        self.marks: dict[int, dict[int, Mark]] = {}
        self.status = "open"
        self.effort: dict[int, Effort] = {}
        self.pending: set[tuple[int, int]] = set()  # object id and frame of masks to draw
        self._sorted_segments: dict[int, list[Segment]] = {}  # cache: by object id, in time order
        self._anchors: dict[int, list[int]] = {}  # by object id: frames of anchors, ascending, hidden ones included

    def get(self, key: Key) -> Any:
        """Return the record of a key, or None."""
        match key:
            case ("mark", object_id, frame):
                return self.mark(object_id, frame)
            case ("status",):
                return self.status
        return self._table(key).get(key[1])

    def put(self, key: Key, record: Any) -> None:
        """Set a record; None removes it."""
        match key:
            case ("mark", object_id, frame):
                self._put_mark(object_id, frame, record)
            case ("status",):
                self.status = record
            case _:
                _set_or_remove(self._table(key), key[1], record)
                self._sorted_segments.clear()  # built again on demand

    def apply(self, patch: Patch) -> None:
        """Set the records that a patch has after its change."""
        for key, (_, new) in patch.items():
            self.put(key, new)

    def revert(self, patch: Patch) -> None:
        """Set the records that a patch has before its change."""
        for key, (old, _) in patch.items():
            self.put(key, old)

    def object(self, object_id: int) -> Object:
        """Return an object; raise UserError if it does not exist."""
        if object_id not in self.objects:
            raise UserError(f"no object {object_id}; {_list_ids('add_object', self.objects)}")
        return self.objects[object_id]

    def segment(self, segment_id: int) -> Segment:
        """Return a segment; raise UserError if it does not exist."""
        if segment_id not in self.segments:
            raise UserError(f"no segment {segment_id}; {_list_ids('add_segment', self.segments)}")
        return self.segments[segment_id]

    def segments_of(self, object_id: int) -> list[Segment]:
        """List the segments of an object in time order; they never overlap."""
        return list(self._segments_in_order(object_id))  # a copy, since the cache is shared

    def segment_at(self, object_id: int, frame: int) -> Segment | None:
        """Find the segment in which an object sounds at a frame; None if the object is silent."""
        segments = self._segments_in_order(object_id)
        index = bisect_right(segments, frame, key=attrgetter("start")) - 1
        return segments[index] if index >= 0 and frame in segments[index] else None

    def mark(self, object_id: int, frame: int) -> Mark | None:
        """Return the mark of an object in a frame, hidden ones included."""
        return self.marks.get(object_id, {}).get(frame)

    def visible_mark(self, object_id: int, frame: int) -> Mark | None:
        """Return the mark of an object in a frame; None if there is none or the object is silent."""
        mark = self.mark(object_id, frame)
        return mark if mark is not None and self.segment_at(object_id, frame) is not None else None

    def marked_frames(self, segment: Segment) -> list[int]:
        """List the frames of a segment that have a mark, ascending."""
        return sorted(frame for frame in self.marks.get(segment.object_id, {}) if frame in segment)

    def anchors(self, segment: Segment) -> list[int]:
        """List the frames of a segment where propagation starts and which it never passes, ascending."""
        frames = self._anchors.get(segment.object_id, [])
        return frames[bisect_left(frames, segment.start) : bisect_left(frames, segment.end)]

    def neighbouring_anchors(self, segment: Segment, frame: int) -> tuple[int | None, int | None]:
        """Find the nearest anchors of a segment to the left and right of a frame, excluding the frame itself."""
        frames = self._anchors.get(segment.object_id, [])
        # the list has the anchors of all segments, so neighbours may belong to others
        left_index = bisect_left(frames, frame) - 1
        right_index = bisect_left(frames, frame + 1)
        left = frames[left_index] if left_index >= 0 and frames[left_index] >= segment.start else None
        right = frames[right_index] if right_index < len(frames) and frames[right_index] < segment.end else None
        return left, right

    def is_stale(self, object_id: int, frame: int) -> bool:
        """True if the visible mask of an object in a frame is outdated, see `is_outdated`."""
        mark = self.mark(object_id, frame)
        segment = self.segment_at(object_id, frame)
        return mark is not None and segment is not None and self.is_outdated(segment, frame, mark)

    def is_outdated(self, segment: Segment, frame: int, mark: Mark) -> bool:
        """True if a new propagation of this frame would start from another mask than its mask came from.

        That is: the frame that it was propagated from has another mask or none, or is not in the segment, which has
        others to start from; or one of the neighbouring anchors is younger. The flag is derived, never stored, so undo
        restores it.
        """
        if mark.counts is None or mark.accepted or mark.source not in DERIVED:
            return False  # made or signed by a person
        marks = self.marks[segment.object_id]
        neighbours = self.neighbouring_anchors(segment, frame)
        if mark.from_frame is not None:
            origin = marks.get(mark.from_frame)
            if origin is None or origin.stamp != mark.from_stamp:
                return True
            # a mask of another segment is a start only as long as this one has none
            if mark.from_frame not in segment and any(anchor is not None for anchor in neighbours):
                return True
        return any(marks[anchor].stamp > mark.stamp for anchor in neighbours if anchor is not None)

    def span_around(self, segment: Segment, frame: int) -> Span:
        """Return the frames that depend on a frame: those between its neighbouring anchors, as [start, end)."""
        left, right = self.neighbouring_anchors(segment, frame)
        return segment.start if left is None else left + 1, segment.end if right is None else right

    def _segments_in_order(self, object_id: int) -> list[Segment]:
        if object_id not in self._sorted_segments:
            in_order = sorted(self.segments.values(), key=attrgetter("start"))
            self._sorted_segments[object_id] = [segment for segment in in_order if segment.object_id == object_id]
        return self._sorted_segments[object_id]

    def _table(self, key: Key) -> dict[int, Any]:
        tables: dict[str, dict[int, Any]] = {"object": self.objects, "segment": self.segments, "effort": self.effort}
        return tables[key[0]]

    def _put_mark(self, object_id: int, frame: int, mark: Mark | None) -> None:
        marks = self.marks.setdefault(object_id, {})
        anchors = self._anchors.setdefault(object_id, [])
        old = marks.get(frame)
        was_anchor = old is not None and old.anchor
        is_anchor = mark is not None and mark.anchor
        _set_or_remove(marks, frame, mark)
        if mark is None or mark.drawn:
            self.pending.discard((object_id, frame))
        else:
            self.pending.add((object_id, frame))
        if is_anchor and not was_anchor:
            insort(anchors, frame)
        elif was_anchor and not is_anchor:
            del anchors[bisect_left(anchors, frame)]
        if not marks:  # empty tables would make equal states differ
            del self.marks[object_id], self._anchors[object_id]


def _set_or_remove(table: dict[int, Any], key: int, record: Any) -> None:
    if record is None:
        table.pop(key, None)
    else:
        table[key] = record


def _list_ids(adding_operation: str, table: Mapping[int, object]) -> str:
    if not table:
        return f"there is none yet: {adding_operation}"
    ids = sorted(table)
    return "existing: " + ", ".join(map(str, ids[:20])) + (", ..." if len(ids) > 20 else "")
