"""Add imported objects, segments and masks to a document by operations, so that an import can be undone."""

from dataclasses import dataclass

from avseg.annotate.document.document import Document
from avseg.annotate.document.rle import encode
from avseg.annotate.media.video import Film
from avseg.annotate.protocols import Mask


@dataclass
class Imported:
    """Numbers of added items."""

    objects: int = 0
    segments: int = 0
    masks: int = 0


class DocumentWriter:
    """A document to add to.

    Args:
        document: the annotations.
        film: the video.

    Attributes:
        imported: how much was added so far.
    """

    def __init__(self, document: Document, film: Film) -> None:
        self.document, self.film = document, film
        self.imported = Imported()
        self.video_id, self.size = film.path.stem, (film.height, film.width)

    def add_object(self, label: str, name: str = "") -> int:
        """Add an object and return its id."""
        op = {"op": "add_object", "label": label}
        if name:
            op["name"] = name
        object_id = self.document.do(op).object
        assert object_id is not None
        self.imported.objects += 1
        return object_id

    def add_segment(self, object_id: int, start: int, end: int, status: str = "open") -> None:
        """Add an audible segment."""
        segment_id = self.document.do({"op": "add_segment", "object": object_id, "start": start, "end": end}).segment
        if status != "open":
            self.document.do({"op": "set_segment_status", "segment": segment_id, "status": status})
        self.imported.segments += 1

    def set_mask(self, object_id: int, frame: int, mask: Mask) -> None:
        """Set the mask of an object in a frame; empty masks are skipped."""
        if not mask.any():
            return
        op = {"op": "set_mask", "object": object_id, "frame": frame, "mask": encode(mask), "source": "import"}
        self.document.do(op)
        self.imported.masks += 1
