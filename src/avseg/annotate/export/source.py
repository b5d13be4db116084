"""What all exports read: the annotations of a video, frame by frame."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from avseg.annotate.document.snapshot import DocumentSnapshot
from avseg.annotate.media.video import Film
from avseg.utils.errors import UserError

Mask = npt.NDArray[np.bool_]
REJECTED = "rejected"


class Object(Protocol):
    """Something that sounds: a label of the data set, and a name that tells it from others of that label."""

    @property
    def id(self) -> int: ...  # noqa: D102
    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102


class Segment(Protocol):
    """An object is heard in the frames [start, end)."""

    @property
    def id(self) -> int: ...  # noqa: D102
    @property
    def object_id(self) -> int: ...  # noqa: D102
    @property
    def start(self) -> int: ...  # noqa: D102
    @property
    def end(self) -> int: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102


class Annotated(Protocol):
    """The part of a document that is exported."""

    @property
    def objects(self) -> Mapping[int, Any]:
        """`Object`s by id."""

    @property
    def segments(self) -> Mapping[int, Any]:
        """`Segment`s by id."""

    def mask(self, object: int, frame: int) -> Mask | None:
        """(H, W); None where the object is not heard, or not marked yet."""

    def frame_info(self, object: int, frame: int) -> Any:
        """Where a mask comes from."""

    def snapshot(self) -> DocumentSnapshot:
        """All but the masks."""


class Source:
    """The annotations that are exported: those of all segments but the rejected ones.

    Args:
        document: the annotations.
        film: the video.

    Attributes:
        id: the video's name, without the suffix.
        segments: in the order of time.
        left_out: rejected segments.
        objects: those with a segment, by id in ascending order.

    Raises:
        UserError: there is no segment; one ends behind the video.
    """

    def __init__(self, document: Annotated, film: Film) -> None:
        self.document, self.film, self.id = document, film, film.path.stem
        every: list[Segment] = sorted(document.segments.values(), key=lambda span: (span.start, span.end, span.id))
        self.segments = [segment for segment in every if segment.status != REJECTED]
        self.left_out = [segment for segment in every if segment.status == REJECTED]
        if not self.segments:
            also = f" but {len(self.left_out)} rejected ones" if self.left_out else ""
            raise UserError(f"{film.path.name} has no audible segment{also}; mark one before the export")
        for segment in self.segments:
            if not 0 <= segment.start < segment.end <= film.frames:
                raise UserError(
                    f"{film.path.name}: segment {segment.start}-{segment.end} is not within the {film.frames} frames"
                )
        self._marked: dict[tuple[int, int], bool] = {}
        used = sorted({segment.object_id for segment in self.segments})
        self.objects: dict[int, Object] = {number: document.objects[number] for number in used}

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.film.height, self.film.width

    @property
    def labels(self) -> list[str]:
        """Of the exported objects, by name."""
        return sorted({item.label for item in self.objects.values()})

    def label(self, segment: Segment) -> str:
        """What is heard in a segment."""
        return self.objects[segment.object_id].label

    def at(self, frame: int) -> list[int]:
        """The objects that are heard in a frame, ascending."""
        return sorted({segment.object_id for segment in self.segments if segment.start <= frame < segment.end})

    def mask(self, object: int, frame: int) -> Mask:
        """The mask (H, W) of an object; empty where nothing is marked.

        Raises:
            UserError: the mask has another size than the video.
        """
        found = self.document.mask(object, frame)
        self._marked[object, frame] = found is not None and bool(found.any())
        if found is None:
            return np.zeros(self.size, np.bool_)
        if found.shape != self.size:
            raise UserError(
                f"{self.film.path.name}: object {object}, frame {frame}: the mask has the size {found.shape}, "
                f"the video {self.size}; the video was replaced, annotate it anew"
            )
        return np.asarray(found, np.bool_)

    def masks(self, frame: int) -> dict[int, Mask]:
        """The masks that hold a pixel in a frame, by object in ascending order."""
        found = {object: self.mask(object, frame) for object in self.at(frame)}
        return {object: mask for object, mask in found.items() if mask.any()}

    def marked(self, frame: int) -> list[int]:
        """The objects whose masks hold a pixel in a frame; masks that were read before are not read again."""
        heard = self.at(frame)
        for object in heard:
            if (object, frame) not in self._marked:
                self.mask(object, frame)
        return [object for object in heard if self._marked[object, frame]]

    def frames(self) -> Iterator[int]:
        """The frames in which something is heard, ascending."""
        heard = np.zeros(self.film.frames, np.bool_)
        for segment in self.segments:
            heard[segment.start : segment.end] = True
        yield from (int(frame) for frame in np.flatnonzero(heard))


def painted(masks: Mapping[int, Mask], values: Mapping[int, int], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """One picture (H, W) of several masks; where they overlap the smaller one is on top, so that none is hidden."""
    picture = np.zeros(size, np.uint8)
    for object in sorted(masks, key=lambda key: (-int(masks[key].sum()), key)):
        picture[masks[object]] = values[object]
    return picture
