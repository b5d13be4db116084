"""What a video's annotation is at one time, and what follows from it: silence, barriers, staleness."""

from bisect import bisect_left, bisect_right, insort
from typing import Any

from avseg.annotate.document.models import DERIVED, Mark, Object, Segment, Spent
from avseg.utils.errors import UserError

Key = tuple[Any, ...]  # ("object", id), ("segment", id), ("mark", object, frame), ("status",), ("spent", segment)
Patch = dict[Key, tuple[Any, Any]]  # what stood there before and what stands there after; None = nothing


class State:
    """Tables of records; one of them is changed by `put` alone, so that any change can be taken back.

    Attributes:
        objects: by id.
        segments: by id.
        marks: by object, then by frame. A mark outside every segment of its object is hidden, not lost: it comes back
            with the edge.
        status: of the video.
        spent: by segment.
    """

    def __init__(self) -> None:
        self.objects: dict[int, Object] = {}
        self.segments: dict[int, Segment] = {}
        self.marks: dict[int, dict[int, Mark]] = {}
        self.status = "open"
        self.spent: dict[int, Spent] = {}
        self._sorted: dict[int, list[Segment]] = {}  # by object, in the order of time; made when asked for
        self._anchors: dict[int, list[int]] = {}  # frames of anchors, ascending, hidden ones too

    def get(self, key: Key) -> Any:
        """The record of a key, None where there is none."""
        match key:
            case ("mark", name, frame):
                return self.marks.get(name, {}).get(frame)
            case ("status",):
                return self.status
        return self._table(key).get(key[1])

    def put(self, key: Key, record: Any) -> None:
        """Sets a record; None removes it."""
        match key:
            case ("mark", name, frame):
                self._put_mark(name, frame, record)
            case ("status",):
                self.status = record
            case _:
                _set(self._table(key), key[1], record)
                self._sorted.clear()

    def apply(self, patch: Patch) -> None:
        """Makes what stands after a patch."""
        for key, (_, after) in patch.items():
            self.put(key, after)

    def revert(self, patch: Patch) -> None:
        """Makes what stood before a patch."""
        for key, (before, _) in patch.items():
            self.put(key, before)

    def object(self, name: int) -> Object:
        """An object that must be there.

        Raises:
            UserError: there is none of this number.
        """
        if name not in self.objects:
            raise UserError(f"no object {name}; {_known('add_object', self.objects)}")
        return self.objects[name]

    def segment(self, name: int) -> Segment:
        """A segment that must be there.

        Raises:
            UserError: there is none of this number.
        """
        if name not in self.segments:
            raise UserError(f"no segment {name}; {_known('add_segment', self.segments)}")
        return self.segments[name]

    def segments_of(self, name: int) -> list[Segment]:
        """The segments of an object in the order of time; they never overlap."""
        if name not in self._sorted:
            own = (each for each in self.segments.values() if each.object == name)
            self._sorted[name] = sorted(own, key=lambda each: each.start)
        return list(self._sorted[name])

    def segment_at(self, name: int, frame: int) -> Segment | None:
        """The segment in which an object sounds at a frame; None = it is silent."""
        if name not in self._sorted:
            self.segments_of(name)
        own = self._sorted[name]
        place = bisect_right(own, frame, key=lambda each: each.start) - 1
        return own[place] if place >= 0 and frame in own[place] else None

    def visible(self, name: int, frame: int) -> Mark | None:
        """The mark of an object in a frame; None where it is silent or nothing is known."""
        mark = self.marks.get(name, {}).get(frame)
        return mark if mark is not None and self.segment_at(name, frame) is not None else None

    def frames_in(self, segment: Segment) -> list[int]:
        """The frames of a segment that have a mark, ascending."""
        return sorted(frame for frame in self.marks.get(segment.object, {}) if frame in segment)

    def anchors(self, segment: Segment) -> list[int]:
        """The frames of a segment where propagation starts and which it never passes, ascending."""
        frames = self._anchors.get(segment.object, [])
        return frames[bisect_left(frames, segment.start) : bisect_left(frames, segment.end)]

    def neighbours(self, segment: Segment, frame: int) -> tuple[int | None, int | None]:
        """The nearest anchors of a segment before and after a frame, the frame itself left out."""
        frames = self._anchors.get(segment.object, [])
        before, after = bisect_left(frames, frame) - 1, bisect_left(frames, frame + 1)
        left = frames[before] if before >= 0 and frames[before] >= segment.start else None
        right = frames[after] if after < len(frames) and frames[after] < segment.end else None
        return left, right

    def stale(self, name: int, frame: int) -> bool:
        """Whether a derived mask's origin has changed since; see `outdated`."""
        mark, segment = self.marks.get(name, {}).get(frame), self.segment_at(name, frame)
        if mark is None or segment is None:
            return False
        return self.outdated(segment, frame, mark)

    def outdated(self, segment: Segment, frame: int, mark: Mark) -> bool:
        """Whether a new propagation would start from something else than the mask of this frame did.

        That is: the frame that it was carried from has another mask, none, or lies no longer in the same segment; or
        one of the anchors beside it is younger. Nothing is stored for it, so undo and edges that come back restore it.
        """
        if mark.counts is None or mark.accepted or mark.source not in DERIVED:
            return False
        if mark.from_frame is not None:
            origin = self.marks[segment.object].get(mark.from_frame)
            if origin is None or origin.stamp != mark.from_stamp or mark.from_frame not in segment:
                return True
        beside = (each for each in self.neighbours(segment, frame) if each is not None)
        return any(self.marks[segment.object][each].stamp > mark.stamp for each in beside)

    def piece(self, segment: Segment, frame: int) -> tuple[int, int]:
        """What depends on a frame: the half-open range between the anchors beside it."""
        left, right = self.neighbours(segment, frame)
        return segment.start if left is None else left + 1, segment.end if right is None else right

    def _table(self, key: Key) -> dict[int, Any]:
        tables: dict[str, dict[int, Any]] = {"object": self.objects, "segment": self.segments, "spent": self.spent}
        return tables[key[0]]

    def _put_mark(self, name: int, frame: int, mark: Mark | None) -> None:
        marks, anchors = self.marks.setdefault(name, {}), self._anchors.setdefault(name, [])
        before = marks.get(frame)
        was, now = before is not None and before.anchor, mark is not None and mark.anchor
        _set(marks, frame, mark)
        if now and not was:
            insort(anchors, frame)
        elif was and not now:
            del anchors[bisect_left(anchors, frame)]
        if not marks:
            del self.marks[name], self._anchors[name]


def _set(table: dict[int, Any], key: int, record: Any) -> None:
    if record is None:
        table.pop(key, None)
    else:
        table[key] = record


def _known(adder: str, table: dict[int, Any]) -> str:
    if not table:
        return f"there is none yet: {adder}"
    names = sorted(table)
    return "there are " + ", ".join(map(str, names[:20])) + (", ..." if len(names) > 20 else "")
