"""The annotations that an export writes, read from the document frame by frame."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from avseg.annotate.document.document import Document
from avseg.annotate.document.models import Object, Segment
from avseg.annotate.media.video import VideoReader
from avseg.annotate.protocols import Mask
from avseg.utils.errors import UserError
from avseg.utils.names import printable, short_name

REJECTED = "rejected"
_MAX_ID = 150  # bytes; class and frames are appended


class ExportSource:
    """The annotations of all segments but the rejected ones; a video without any is refused.

    `labels` are the classes of a whole project, in the order of their ids; by default those of the video.
    """

    def __init__(self, document: Document, video: VideoReader, labels: Sequence[str] | None = None) -> None:
        self.document, self.video = document, video
        # names the files of the export, and stands in them
        self.video_id = short_name(printable(video.path.stem), _MAX_ID)
        self.size = (video.height, video.width)
        self.segments: list[Segment] = []  # in order of time
        self.rejected: list[Segment] = []  # left out
        for segment in sorted(document.segments.values(), key=lambda span: (span.start, span.end, span.id)):
            (self.rejected if segment.status == REJECTED else self.segments).append(segment)
        if not self.segments:
            also = f" but {len(self.rejected)} rejected ones" if self.rejected else ""
            raise UserError(f"{video.path.name} has no audible segment{also}; mark one before the export")
        for segment in self.segments:
            if not 0 <= segment.start < segment.end <= video.frames:
                raise UserError(
                    f"{video.path.name}: segment {segment.start}-{segment.end} is not within the {video.frames} frames"
                )
        self.objects: dict[int, Object] = {}  # those with a segment, by id in ascending order
        for segment in sorted(self.segments, key=lambda span: span.object_id):
            self.objects[segment.object_id] = document.objects[segment.object_id]
        labels_used = sorted({item.label for item in self.objects.values()})
        self.labels = labels_used if labels is None else list(labels)
        self._has_pixels: dict[tuple[int, int], bool] = {}  # by object and frame, of the masks read so far

    def class_index(self, object_id: int) -> int:
        """Return the index of an object's label, counted from 1 (0 = background)."""
        return self.labels.index(self.objects[object_id].label) + 1

    def sounding_objects(self, frame: int) -> list[int]:
        """Return the ids of the objects that sound in a frame, ascending."""
        return sorted({segment.object_id for segment in self.segments if segment.start <= frame < segment.end})

    def sounding_frames(self) -> list[int]:
        """Return the frames in which any object sounds, ascending."""
        sounding = np.zeros(self.video.frames, np.bool_)  # segments of several objects may overlap
        for segment in self.segments:
            sounding[segment.start : segment.end] = True
        return list(map(int, np.flatnonzero(sounding)))

    def mask(self, object_id: int, frame: int) -> Mask:
        """Return the mask (H, W) of an object, empty if nothing is marked; one of another size is an error."""
        mask = self.document.mask(object_id, frame)
        self._has_pixels[object_id, frame] = mask is not None and bool(mask.any())
        if mask is None:
            return np.zeros(self.size, np.bool_)
        if mask.shape != self.size:
            raise UserError(
                f"{self.video.path.name}: object {object_id}, frame {frame}: the mask has the size {mask.shape}, "
                f"the video {self.size}; the video was replaced, annotate it again"
            )
        return np.asarray(mask, np.bool_)

    def masks(self, frame: int) -> dict[int, Mask]:
        """Return the non-empty masks of a frame, by object id in ascending order."""
        masks = {}
        for object_id in self.sounding_objects(frame):
            mask = self.mask(object_id, frame)
            if mask.any():
                masks[object_id] = mask
        return masks

    def masked_objects(self, frame: int) -> Iterator[int]:
        """Yield the ids of the objects with a non-empty mask in a frame; masks read before are not read again."""
        for object_id in self.sounding_objects(frame):
            if (object_id, frame) not in self._has_pixels:
                self.mask(object_id, frame)
            if self._has_pixels[object_id, frame]:
                yield object_id


def flatten_masks(masks: Mapping[int, Mask], values: Mapping[int, int], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Draw masks into one map (H, W), each with its object's value; smaller masks are drawn over larger ones."""
    flat = np.zeros(size, np.uint8)
    # from large to small, so that no object is hidden
    for object_id in sorted(masks, key=lambda key: (-int(masks[key].sum()), key)):
        flat[masks[object_id]] = values[object_id]
    return flat
