"""What can be asked of a document: objects, segments, masks, provenance, and what there is to do."""

import threading
from collections import OrderedDict

from avseg.annotate.document.models import FrameInfo, Object, Segment, Spent, VideoFacts
from avseg.annotate.document.rle import RLE, Mask, decode_counts
from avseg.annotate.document.state import State

_DECODED = 64 << 20  # bytes of decoded masks that are kept


class Reading:
    """The questions; answers are copies, and masks are decoded only when they are asked for.

    Args:
        video: what is annotated.

    Attributes:
        video: what is annotated.
    """

    def __init__(self, video: VideoFacts) -> None:
        self.video = video
        self._state = State()
        self._lock = threading.RLock()
        self._decoded: OrderedDict[bytes, Mask] = OrderedDict()

    @property
    def objects(self) -> dict[int, Object]:
        """By id."""
        with self._lock:
            return dict(self._state.objects)

    @property
    def segments(self) -> dict[int, Segment]:
        """By id."""
        with self._lock:
            return dict(self._state.segments)

    @property
    def status(self) -> str:
        """Of the video: "open", "done" or "skipped"."""
        return self._state.status

    @property
    def spent(self) -> dict[int, Spent]:
        """A person's time and clicks, by segment."""
        with self._lock:
            return dict(self._state.spent)

    def mask(self, object: int, frame: int) -> Mask | None:
        """The mask of an object in a frame, (H, W) bool, not to be written to; None where it is silent or unknown."""
        with self._lock:
            mark = self._state.visible(object, frame)
            return None if mark is None or mark.counts is None else self._decode(mark.counts)

    def rle(self, object: int, frame: int) -> RLE | None:
        """The same as run lengths, without decoding."""
        with self._lock:
            mark = self._state.visible(object, frame)
        if mark is None or mark.counts is None:
            return None
        return {"size": [self.video.height, self.video.width], "counts": mark.counts.decode("ascii")}

    def frame_info(self, object: int, frame: int) -> FrameInfo:
        """Where the mask of an object in a frame comes from, how good it is, and whether it is out of date."""
        with self._lock:
            mark = self._state.visible(object, frame)
            if mark is None:
                return FrameInfo()
            return FrameInfo(
                source=mark.source,
                accepted=mark.accepted,
                stale=self._state.stale(object, frame),
                anchor=mark.anchor,
                points=mark.points,
                box=mark.box,
                score=mark.score,
                terms=dict(mark.terms),
                from_frame=mark.from_frame,
                model=mark.model,
            )

    def segment_at(self, object: int, frame: int) -> Segment | None:
        """The segment in which an object sounds in a frame; None = it is silent."""
        with self._lock:
            return self._state.segment_at(object, frame)

    def segments_of(self, object: int) -> list[Segment]:
        """The segments of an object, in the order of time."""
        with self._lock:
            return self._state.segments_of(object)

    def masked(self, segment: int) -> list[int]:
        """The frames of a segment that have a mask, ascending."""
        with self._lock:
            found = self._state.segment(segment)
            marks = self._state.marks.get(found.object, {})
            return [frame for frame in self._state.frames_in(found) if marks[frame].counts is not None]

    def anchors(self, segment: int) -> list[int]:
        """The frames of a segment with a mask that a person made or accepted, ascending: propagation's barriers."""
        with self._lock:
            return self._state.anchors(self._state.segment(segment))

    def scores(self, segment: int) -> dict[int, float]:
        """The quality of a segment's masks that has been measured, by frame, ascending."""
        with self._lock:
            found = self._state.segment(segment)
            marks = self._state.marks.get(found.object, {})
            known = ((frame, marks[frame].score) for frame in self._state.frames_in(found))
            return {frame: score for frame, score in known if score is not None}

    def wanting(self, segment: int) -> list[int]:
        """The frames of a segment whose mask is missing or stale, ascending: what there is to propagate."""
        with self._lock:
            found = self._state.segment(segment)
            marks = self._state.marks.get(found.object, {})
            return [
                frame
                for frame in range(found.start, found.end)
                if frame not in marks or marks[frame].counts is None or self._state.outdated(found, frame, marks[frame])
            ]

    def piece(self, segment: int, frame: int) -> tuple[int, int]:
        """The half-open range of frames between the anchors beside a frame: what a propagation there makes anew."""
        with self._lock:
            return self._state.piece(self._state.segment(segment), frame)

    def _decode(self, counts: bytes) -> Mask:
        if counts in self._decoded:
            self._decoded.move_to_end(counts)
            return self._decoded[counts]
        mask = decode_counts(counts, self.video.height, self.video.width)
        mask.flags.writeable = False
        self._decoded[counts] = mask
        while len(self._decoded) > max(_DECODED // mask.nbytes, 1):
            self._decoded.popitem(last=False)
        return mask
