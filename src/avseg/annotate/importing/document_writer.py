"""Add imported objects, segments and masks to a document by operations, so that an import can be undone."""

from collections.abc import Sequence
from dataclasses import dataclass

from avseg.annotate.document.document import Document
from avseg.annotate.document.models import Span
from avseg.annotate.document.operations import AddObject, AddSegment, SetMask, SetSegmentStatus
from avseg.annotate.document.rle import encode
from avseg.annotate.media.video import VideoReader
from avseg.annotate.protocols import Mask

_SAME = 0.5  # share of common frames from which two objects of one label are the same


@dataclass
class Imported:
    """Numbers of added items."""

    objects: int = 0
    segments: int = 0
    masks: int = 0


class DocumentWriter:
    """Adds to the document of a video, and counts in `imported` how much was added; what is there already stays."""

    def __init__(self, document: Document, video: VideoReader) -> None:
        self.document, self.video = document, video
        self.imported = Imported()
        self.video_id, self.size = video.path.stem, (video.height, video.width)
        self._written: set[int] = set()  # ids of objects of this import

    def object_with(self, label: str, name: str, spans: Sequence[Span]) -> int:
        """Return an object that sounds in these spans [start, end) and has this label and name, or add one.

        An import that is repeated thus adds to the objects of the first one, even if their edges were moved since.
        """
        candidates = []
        for item in self.document.objects.values():
            if item.label == label and item.id not in self._written and (not name or item.name == name):
                item_spans = [(segment.start, segment.end) for segment in self.document.segments_of(item.id)]
                candidates.append((_overlap(item_spans, spans), item.id))
        overlap, object_id = max(candidates, default=(0.0, 0), key=lambda pair: pair[0])
        if overlap < _SAME:
            added = self.document.do(AddObject(label=label, name=name or None)).object_id
            assert added is not None  # set by operations that add
            object_id = added
            self.imported.objects += 1
        self._written.add(object_id)
        return object_id

    def add_segment(self, object_id: int, start: int, end: int, status: str = "open") -> None:
        """Add an audible segment unless the object has one there."""
        if any(segment.start < end and start < segment.end for segment in self.document.segments_of(object_id)):
            return
        segment_id = self.document.do(AddSegment(object_id=object_id, start=start, end=end)).segment_id
        assert segment_id is not None
        if status != "open":
            self.document.do(SetSegmentStatus(segment_id=segment_id, status=status))
        self.imported.segments += 1

    def set_mask(self, object_id: int, frame: int, mask: Mask) -> None:
        """Set the mask of an object in a frame that has none; empty masks are skipped."""
        existing = self.document.frame_info(object_id, frame).source
        if not mask.any() or existing is not None or self.document.segment_at(object_id, frame) is None:
            return
        self.document.do(SetMask(object_id=object_id, frame=frame, mask=encode(mask), source="import"))
        self.imported.masks += 1


def _overlap(first_spans: Sequence[Span], second_spans: Sequence[Span]) -> float:
    """Return the share of the frames of two lists of spans that both have."""
    first = {frame for start, end in first_spans for frame in range(start, end)}
    second = {frame for start, end in second_spans for frame in range(start, end)}
    return len(first & second) / len(first | second) if first | second else 0.0
