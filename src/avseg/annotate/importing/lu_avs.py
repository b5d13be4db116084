"""From a LU-AVS release: each annotation is a segment with its masks.

The release knows labels, not objects. Our own exports say which object an annotation is of; elsewhere the segments of
a label are one object, and where two of them overlap a second one.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from avseg.annotate.importing.document_writer import Target
from avseg.data.lu_avs import LUVideo, Segment, read_release
from avseg.data.lu_avs.ground_truth import MASKS, check_video, segment_masks
from avseg.data.lu_avs.paths import find_places
from avseg.media.frame_index import frame_index
from avseg.utils.errors import UserError


class Part(NamedTuple):
    """A segment of one object: `key` tells objects apart, `file` holds its masks."""

    key: object
    label: str
    name: str
    segment: Segment
    file: str
    status: str


def read(target: Target, root: Path) -> None:
    """Adds the video's annotations.

    Raises:
        UserError: see `avseg.annotate.importing.import_`.
    """
    release = read_release(root, skip_missing=True)
    video = release.videos.get(target.id)
    if video is None:
        known = ", ".join(sorted(release.videos)[:5]) or "none that is complete"
        raise UserError(f"{root}: has no video '{target.id}'; it has {known}")
    index = frame_index(video.path)
    if len(index) != target.film.frames or (index.video.height, index.video.width) != target.size:
        raise UserError(
            f"{video.path}: {len(index)} frames of {index.video.height}x{index.video.width}, "
            f"{target.film.path} has {target.film.frames} of {target.size[0]}x{target.size[1]}; it is another video"
        )
    check_video(video, index)
    objects: dict[object, int] = {}
    for part in _parts(video, release.labels, _annotations(root, video)):
        if part.key not in objects:
            objects[part.key] = target.add_object(part.label, part.name)
        _add(target, objects[part.key], part, video.has_masks)


def _add(target: Target, object: int, part: Part, has_masks: bool) -> None:
    segment = part.segment
    end = min(segment.end, target.film.frames)  # releases are off by one now and then
    if segment.start >= end:
        return
    target.add_segment(object, segment.start, end, part.status)
    if not has_masks or segment.folder is None:
        return
    for frame in range(segment.start, end):
        target.set_mask(object, frame, _mask(part, frame, target.size))


def _mask(part: Part, frame: int, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    segment = part.segment
    if part.file == MASKS:
        return np.asarray(segment_masks(segment, np.array([frame]), size)[0])
    assert segment.folder is not None
    path = segment.folder / part.file
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
        mask: npt.NDArray[np.bool_] = np.asarray(rows[frame - segment.start] != 0)
    except (OSError, ValueError, EOFError, IndexError) as error:
        raise UserError(f"{path} is not a readable array ({error}); export the video again") from error
    if mask.shape != size:
        raise UserError(f"{path} has masks of {mask.shape}; the video has {size}; export it again")
    return mask


def _annotations(root: Path, video: LUVideo) -> list[dict[str, Any]]:
    """The video's annotations as they stand in the file, in the order of its segments."""
    for path in find_places(root).jsons:
        content = json.loads(path.read_text(encoding="utf-8"))
        entry = content.get("database", content).get(video.id)
        if entry is not None:
            return list(entry["annotations"])
    return []


def _parts(video: LUVideo, labels: list[str], annotations: list[dict[str, Any]]) -> Iterator[Part]:
    taken: dict[tuple[str, int], list[Segment]] = {}
    for segment, annotation in zip(video.segments, annotations, strict=True):
        said = _said(annotation)
        for item in said:
            file = MASKS if len(said) == 1 else f"object_{item['object']}.npy"
            status = "accepted" if item.get("status") == "accepted" else "open"
            yield Part(item["object"], str(item["label"]), str(item.get("name") or ""), segment, file, status)
        if not said:
            label = labels[segment.label]
            number = next(n for n in range(len(video.segments)) if _free(taken.setdefault((label, n), []), segment))
            taken[label, number].append(segment)
            yield Part((label, number), label, "", segment, MASKS, "open")


def _said(annotation: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects that our own export names; none if they make no sense."""
    said = annotation.get("objects")
    fine = isinstance(said, list) and all(
        isinstance(item, dict) and type(item.get("object")) is int and isinstance(item.get("label"), str)
        for item in said
    )
    return said if fine and said else []


def _free(others: list[Segment], segment: Segment) -> bool:
    return all(segment.end <= other.start or other.end <= segment.start for other in others)
