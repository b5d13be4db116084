"""Read-only queries on a document: objects, segments, masks, provenance, and what is left to propagate."""

import threading
from collections.abc import Iterator

from avseg.annotate.document.drafts import Draft, draft_of
from avseg.annotate.document.models import Effort, FrameInfo, Mark, Object, Segment, Span, VideoFacts
from avseg.annotate.document.rle import RLE, Mask, decode_counts
from avseg.annotate.document.state import State
from avseg.utils.lru import LRUCache

_DECODED_BYTES = 64 << 20  # of decoded masks that are cached


class Queries:
    """Answers are copies; masks are decoded only on request."""

    def __init__(self, video: VideoFacts) -> None:
        self.video = video
        self._state = State()
        self._lock = threading.RLock()  # reentrant: listeners and transactions call back
        self._decoded: LRUCache[bytes, Mask] = LRUCache(_DECODED_BYTES, size=lambda mask: mask.nbytes)

    @property
    def objects(self) -> dict[int, Object]:
        """Objects by id."""
        with self._lock:
            return dict(self._state.objects)

    @property
    def segments(self) -> dict[int, Segment]:
        """Segments by id."""
        with self._lock:
            return dict(self._state.segments)

    @property
    def status(self) -> str:
        """Status of the video: "open", "done" or "skipped"."""
        return self._state.status

    @property
    def effort(self) -> dict[int, Effort]:
        """A person's time and clicks, by segment id."""
        with self._lock:
            return dict(self._state.effort)

    def mask(self, object_id: int, frame: int) -> Mask | None:
        """Return the mask of an object in a frame, (H, W) bool, read-only; None if the object is silent or unmarked."""
        with self._lock:
            mark = self._state.visible_mark(object_id, frame)
            if mark is None or mark.counts is None:
                return None
            return self.decode(mark.counts)  # equal counts mean equal masks: the cache key

    def rle(self, object_id: int, frame: int) -> RLE | None:
        """Return the same mask as run lengths, without decoding."""
        with self._lock:
            mark = self._state.visible_mark(object_id, frame)
        if mark is None or mark.counts is None:
            return None
        return {"size": [self.video.height, self.video.width], "counts": mark.counts.decode("ascii")}

    def frame_info(self, object_id: int, frame: int) -> FrameInfo:
        """Return provenance and quality of the mask of an object in a frame, and whether it is out of date."""
        with self._lock:
            mark = self._state.visible_mark(object_id, frame)
            if mark is None:
                return FrameInfo()
            return FrameInfo(
                source=mark.source,
                accepted=mark.accepted,
                stale=self._state.is_stale(object_id, frame),
                anchor=mark.anchor,
                points=mark.points,
                box=mark.box,
                score=mark.score,
                terms=dict(mark.terms),
                from_frame=mark.from_frame,
                model=mark.model,
                inputs=mark.inputs,
                base=mark.base.counts if mark.base is not None else None,
            )

    def draft(self, object_id: int, frame: int) -> Draft:
        """Return what further inputs of an object in a frame continue."""
        with self._lock:
            return draft_of(self._state.visible_mark(object_id, frame))

    def pending(self) -> list[tuple[int, int]]:
        """List object and frame of the masks that undo or redo returned to, and that are not drawn yet."""
        with self._lock:
            return sorted(self._state.pending)

    def decode(self, counts: bytes) -> Mask:
        """Decode run lengths of this video's size, (H, W) bool, read-only."""
        with self._lock:
            return self._decoded.get_or_compute(counts, lambda: self._decode(counts))

    def segment_at(self, object_id: int, frame: int) -> Segment | None:
        """Find the segment in which an object sounds at a frame; None if the object is silent."""
        with self._lock:
            return self._state.segment_at(object_id, frame)

    def segments_of(self, object_id: int) -> list[Segment]:
        """List the segments of an object in time order."""
        with self._lock:
            return self._state.segments_of(object_id)

    def masked_frames(self, segment_id: int) -> list[int]:
        """List the frames of a segment that have a mask, ascending."""
        with self._lock:
            return [frame for frame, mark in self._marks_in(segment_id) if mark.counts is not None]

    def anchors(self, segment_id: int) -> list[int]:
        """List the frames of a segment whose mask a person made or accepted, ascending: barriers of propagation."""
        with self._lock:
            return self._state.anchors(self._state.segment(segment_id))

    def scores(self, segment_id: int) -> dict[int, float]:
        """Return the measured quality of the masks of a segment, by frame, ascending."""
        with self._lock:
            return {frame: mark.score for frame, mark in self._marks_in(segment_id) if mark.score is not None}

    def frames_to_propagate(self, segment_id: int) -> list[int]:
        """List the frames of a segment whose mask is missing or stale, ascending."""
        frames = []
        with self._lock:
            segment = self._state.segment(segment_id)
            for frame in range(segment.start, segment.end):
                mark = self._state.mark(segment.object_id, frame)
                if mark is None or mark.counts is None or self._state.is_outdated(segment, frame, mark):
                    frames.append(frame)
        return frames

    def span_around(self, segment_id: int, frame: int) -> Span:
        """Return the frames between the anchors around a frame, [start, end): those that its propagation replaces."""
        with self._lock:
            return self._state.span_around(self._state.segment(segment_id), frame)

    def _marks_in(self, segment_id: int) -> Iterator[tuple[int, Mark]]:
        segment = self._state.segment(segment_id)
        for frame in self._state.marked_frames(segment):
            yield frame, self._state.marks[segment.object_id][frame]

    def _decode(self, counts: bytes) -> Mask:
        mask = decode_counts(counts, self.video.height, self.video.width)
        mask.flags.writeable = False  # it is shared with the cache
        return mask
