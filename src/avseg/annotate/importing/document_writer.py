"""Add imported objects, segments and masks to a document by operations, so that an import can be undone."""

from dataclasses import dataclass

from avseg.annotate.document.document import Document
from avseg.annotate.document.operations import AddObject, AddSegment, SetMask, SetSegmentStatus
from avseg.annotate.document.rle import encode
from avseg.annotate.media.video import VideoReader
from avseg.annotate.protocols import Mask


@dataclass
class Imported:
    """Numbers of added items."""

    objects: int = 0
    segments: int = 0
    masks: int = 0


class DocumentWriter:
    """Adds to the document of a video, and counts in `imported` how much was added."""

    def __init__(self, document: Document, video: VideoReader) -> None:
        self.document, self.video = document, video
        self.imported = Imported()
        self.video_id, self.size = video.path.stem, (video.height, video.width)

    def add_object(self, label: str, name: str = "") -> int:
        """Add an object and return its id."""
        object_id = self.document.do(AddObject(label=label, name=name or None)).object_id
        assert object_id is not None  # set by operations that add
        self.imported.objects += 1
        return object_id

    def add_segment(self, object_id: int, start: int, end: int, status: str = "open") -> None:
        """Add an audible segment."""
        segment_id = self.document.do(AddSegment(object_id=object_id, start=start, end=end)).segment_id
        assert segment_id is not None
        if status != "open":
            self.document.do(SetSegmentStatus(segment_id=segment_id, status=status))
        self.imported.segments += 1

    def set_mask(self, object_id: int, frame: int, mask: Mask) -> None:
        """Set the mask of an object in a frame; empty masks are skipped."""
        if not mask.any():
            return
        self.document.do(SetMask(object_id=object_id, frame=frame, mask=encode(mask), source="import"))
        self.imported.masks += 1
