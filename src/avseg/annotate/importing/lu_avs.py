"""Import from a LU-AVS release: each annotation is a segment with its masks.

The release has labels, not objects. Our own exports list the objects of an annotation. In other releases the segments
of a label become one object, and a further one where two of them overlap.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np

from avseg.annotate.importing.document_writer import DocumentWriter
from avseg.annotate.protocols import Mask
from avseg.data.lu_avs import LUVideo, Segment, read_release
from avseg.data.lu_avs.ground_truth import MASKS, check_video, segment_masks
from avseg.data.lu_avs.paths import find_paths
from avseg.media.frame_index import frame_index
from avseg.utils.errors import UserError


class ObjectSegment(NamedTuple):
    """A segment of one object: `key` identifies the object, `file` has its masks."""

    key: object
    label: str
    name: str
    status: str
    segment: Segment
    file: str


class ObjectRow(NamedTuple):
    """An object of an annotation, as our own export lists it."""

    object_id: int
    label: str
    name: str
    status: str


def read(writer: DocumentWriter, root: Path) -> None:
    """Add the annotations of a video, after a check that the release has the same video."""
    release = read_release(root, skip_missing=True)
    video = release.videos.get(writer.video_id)
    if video is None:
        existing = ", ".join(sorted(release.videos)[:5]) or "none that is complete"
        raise UserError(f"{root}: has no video '{writer.video_id}'; it has {existing}")
    index = frame_index(video.path)
    reader = writer.video
    if len(index) != reader.frames or (index.video.height, index.video.width) != writer.size:
        raise UserError(
            f"{video.path}: {len(index)} frames of {index.video.height}x{index.video.width}, "
            f"{reader.path} has {reader.frames} of {reader.height}x{reader.width}; it is another video"
        )
    check_video(video, index)  # shapes of the masks
    items: dict[object, list[ObjectSegment]] = {}  # by object
    for item in _object_segments(video, release.labels, _annotations(root, video)):
        items.setdefault(item.key, []).append(item)
    for segments in items.values():
        spans = [(item.segment.start, min(item.segment.end, reader.frames)) for item in segments]
        object_id = writer.object_with(segments[0].label, segments[0].name, spans)
        for item in segments:
            _add_segment(writer, object_id, item, video.has_masks)


def _add_segment(writer: DocumentWriter, object_id: int, item: ObjectSegment, has_masks: bool) -> None:
    segment = item.segment
    end = min(segment.end, writer.video.frames)  # releases are sometimes off by one
    if segment.start >= end:
        return
    writer.add_segment(object_id, segment.start, end, item.status)
    if not has_masks or segment.folder is None:
        return
    for frame in range(segment.start, end):
        if item.file == MASKS:
            mask: Mask = np.asarray(segment_masks(segment, np.array([frame]), writer.size)[0])
        else:
            mask = _read_mask(segment.folder / item.file, frame - segment.start, writer.size)
        writer.set_mask(object_id, frame, mask)


def _read_mask(path: Path, row: int, size: tuple[int, int]) -> Mask:
    try:
        # memory-mapped: one mask at a time
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
        mask: Mask = np.asarray(rows[row] != 0)
    except (OSError, ValueError, EOFError, IndexError) as error:
        raise UserError(f"{path} is not a readable array ({error}); export the video again") from error
    if mask.shape != size:
        raise UserError(f"{path} has masks of {mask.shape}; the video has {size}; export it again")
    return mask


def _annotations(root: Path, video: LUVideo) -> list[Mapping[str, object]]:
    """Return the video's annotations as in the file, in the order of its segments."""
    for path in find_paths(root).annotation_files:
        content = json.loads(path.read_text(encoding="utf-8"))
        entry = content.get("database", content).get(video.id)
        if entry is not None:
            return list(entry["annotations"])
    return []


def _object_segments(
    video: LUVideo, labels: list[str], annotations: list[Mapping[str, object]]
) -> Iterator[ObjectSegment]:
    segments_of: dict[tuple[str, int], list[Segment]] = {}  # by label and index of the object
    for segment, annotation in zip(video.segments, annotations, strict=True):
        rows = _object_rows(annotation)
        for row in rows:
            yield ObjectSegment(*row, segment, MASKS if len(rows) == 1 else f"object_{row.object_id}.npy")
        if rows:
            continue
        label = labels[segment.label]
        # the first object of the label that is silent during the segment
        for index in count():
            segments = segments_of.setdefault((label, index), [])
            if not any(_overlap(segment, existing) for existing in segments):
                segments.append(segment)
                yield ObjectSegment((label, index), label, "", "open", segment, MASKS)
                break


def _object_rows(annotation: Mapping[str, object]) -> list[ObjectRow]:
    """Read the objects that our own export lists; return an empty list if they are missing or malformed."""
    items = annotation.get("objects")
    if not isinstance(items, list):
        return []
    rows = []
    for item in items:
        # bool is a subclass of int, but not an id
        if not isinstance(item, dict) or type(item.get("object")) is not int or not isinstance(item.get("label"), str):
            return []
        status = "accepted" if item.get("status") == "accepted" else "open"
        rows.append(ObjectRow(item["object"], item["label"], str(item.get("name") or ""), status))
    return rows


def _overlap(first: Segment, second: Segment) -> bool:
    return first.start < second.end and second.start < first.end
