"""Where imports go: objects, segments and masks become operations on a document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from avseg.annotate.document.rle import encode
from avseg.annotate.media.video import Film

Mask = npt.NDArray[np.bool_]


class Writable(Protocol):
    """The part of a document that an import needs."""

    @property
    def objects(self) -> Mapping[int, Any]:
        """Objects by id."""

    @property
    def segments(self) -> Mapping[int, Any]:
        """Segments by id."""

    def do(self, op: dict[str, Any]) -> Any:
        """Does an operation."""


@dataclass
class Imported:
    """How much was added."""

    objects: int = 0
    segments: int = 0
    masks: int = 0


class Target:
    """A document to add to.

    Args:
        document: the annotations.
        film: the video.

    Attributes:
        done: how much was added so far.
    """

    def __init__(self, document: Writable, film: Film) -> None:
        self.document, self.film, self.done = document, film, Imported()

    @property
    def id(self) -> str:
        """The video's name, without the suffix."""
        return self.film.path.stem

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.film.height, self.film.width

    def add_object(self, label: str, name: str = "") -> int:
        """A new object; gives its id."""
        before = set(self.document.objects)
        self.document.do({"op": "add_object", "label": label} | ({"name": name} if name else {}))
        self.done.objects += 1
        return int((set(self.document.objects) - before).pop())

    def add_segment(self, object: int, start: int, end: int, status: str = "open") -> int:
        """A new segment; gives its id."""
        before = set(self.document.segments)
        self.document.do({"op": "add_segment", "object": object, "start": start, "end": end})
        segment = int((set(self.document.segments) - before).pop())
        if status != "open":
            self.document.do({"op": "set_segment_status", "segment": segment, "status": status})
        self.done.segments += 1
        return segment

    def set_mask(self, object: int, frame: int, mask: Mask) -> None:
        """Marks an object in a frame; a mask without a pixel says nothing."""
        if not mask.any():
            return
        row = {"op": "set_mask", "object": object, "frame": frame, "mask": encode(mask), "source": "import"}
        self.document.do(row)
        self.done.masks += 1
