"""Export the layout of LU-AVS: `seg_{split}.json`, `videos/`, and a folder with `masks.npy` per audible segment.

A folder is identified by video, label and frames. Objects of one label that sound in exactly the same frames share a
folder: `masks.npy` is the union of their masks, as the classes of the data set require, and `object_{id}.npy` has those
of one object.
"""

import json
import shutil
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from avseg.annotate.document.models import Json, Segment
from avseg.annotate.export.source import ExportSource
from avseg.annotate.protocols import Mask
from avseg.data.lu_avs.ground_truth import MASKS
from avseg.data.lu_avs.paths import folder_name
from avseg.data.setting import SPLITS
from avseg.media.video import SUFFIXES
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError


def write(
    folder: Path, source: ExportSource, *, split: str = "train", label_ids: Mapping[str, int] | None = None
) -> None:
    """Write a release of one video; labels that are not in `label_ids` get `label_id`.

    In addition to the official fields, each annotation lists its `objects`, so that an import restores them.
    """
    check_choice("split", split, SPLITS)
    write_entries(folder, split, {source.video_id: write_video(folder, source, split, label_ids or {})})


def write_video(folder: Path, source: ExportSource, split: str, ids: Mapping[str, int]) -> Json:
    """Write the masks and the video; return its entry in the annotation file."""
    names = _folder_labels(source)
    groups: dict[tuple[str, int, int], list[Segment]] = {}
    for segment in source.segments:
        label = names[source.objects[segment.object_id].label]
        groups.setdefault((label, segment.start, segment.end), []).append(segment)
    annotations = []
    for (label, start, end), segments in groups.items():
        target = folder / "annotations" / folder_name(source.video_id, label, start, end)
        target.mkdir(parents=True)
        _write_masks(target, source, segments)
        annotations.append(
            {
                "segment": [start, end],
                "label": label,
                "label_id": ids.get(label, label_id(label)),
                "objects": [_object_row(source, segment) for segment in segments],
            }
        )
    (folder / "videos").mkdir(exist_ok=True)
    video = source.video
    # readers go by the content of a file, not by its suffix
    suffix = video.path.suffix if video.path.suffix.lower() in SUFFIXES else ".mkv"
    shutil.copyfile(video.path, folder / "videos" / f"{source.video_id}{suffix}")
    return {
        "duration": round(video.duration, 2),
        "fps": round(video.fps, 2),
        "subset": split,
        "annotations": annotations,
    }


def write_entries(folder: Path, split: str, entries: Mapping[str, Json]) -> None:
    """Write the annotation file of a split: the entries of its videos by id."""
    (folder / f"seg_{split}.json").write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def label_id(label: str) -> int:
    """Return an id that a label has in every export, so that exports of many videos form one release."""
    # `hash` differs between processes
    return zlib.crc32(label.encode("utf-8"))


def _folder_labels(source: ExportSource) -> dict[str, str]:
    """Replace "/" in labels, which folder names cannot contain; refuse two labels that would share their folders."""
    names: dict[str, str] = {}
    label_of_folder: dict[str, str] = {}
    for label in source.labels:
        names[label] = label.replace("/", "-")
        first = label_of_folder.setdefault(names[label].replace(" ", "_"), label)
        if first != label:
            raise UserError(f"labels '{first}' and '{label}' have the same folders in LU-AVS; rename one of them")
    return names


def _object_row(source: ExportSource, segment: Segment) -> dict[str, object]:
    item = source.objects[segment.object_id]
    return {"object": item.id, "label": item.label, "name": item.name, "segment": segment.id, "status": segment.status}


def _write_masks(folder: Path, source: ExportSource, segments: Sequence[Segment]) -> None:
    """Write the masks of each object and their union, frame by frame."""
    start, end = segments[0].start, segments[0].end
    object_ids = sorted({segment.object_id for segment in segments})
    union = MaskFile(folder / MASKS, end - start, source.size)
    files: dict[int, MaskFile] = {}
    if len(object_ids) > 1:
        for object_id in object_ids:
            files[object_id] = MaskFile(folder / f"object_{object_id}.npy", end - start, source.size)
    for frame in range(start, end):
        masks = {object_id: source.mask(object_id, frame) for object_id in object_ids}
        # (H, W); the release has one mask per segment and frame
        union.add(np.logical_or.reduce(list(masks.values())))
        for object_id, file in files.items():
            file.add(masks[object_id])
    for file in (union, *files.values()):
        file.close()


class MaskFile:
    """A `.npy` file of `length` masks (H, W), written one at a time; empty masks take no disk space."""

    def __init__(self, path: Path, length: int, size: tuple[int, int]) -> None:
        self.file = path.open("wb")
        header = {"descr": "|b1", "fortran_order": False, "shape": (length, *size)}
        np.lib.format.write_array_header_1_0(self.file, header)

    def add(self, mask: Mask) -> None:
        """Append a mask (H, W)."""
        if mask.any():
            self.file.write(np.ascontiguousarray(mask, np.bool_).tobytes())
        else:
            self.file.seek(mask.size, 1)  # a hole in a sparse file

    def close(self) -> None:
        """Set the size of the file, which may end with a hole."""
        self.file.truncate()
        self.file.close()
