"""The layout of LU-AVS: `seg_{split}.json`, `videos/`, and a folder with `masks.npy` for each audible segment.

A folder is known by video, label and frames. Where several objects of one label are heard in the very same frames they
share one folder: `masks.npy` holds all of them, as the data set's classes ask for, and `object_{id}.npy` each alone.
"""

import json
import shutil
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avseg.annotate.export.source import Segment, Source
from avseg.data.avsbench.layout import SPLITS
from avseg.data.lu_avs.ground_truth import MASKS
from avseg.data.lu_avs.paths import folder_name
from avseg.media.video import SUFFIXES
from avseg.utils.errors import UserError, nearest


def write(folder: Path, source: Source, *, split: str = "train", label_ids: Mapping[str, int] | None = None) -> None:
    """Writes a release of one video.

    Each annotation carries, beside the official fields, the `objects` it is of, so that an import finds them again.

    Args:
        folder: an empty one.
        source: what to write.
        split: "train", "val" or "test".
        label_ids: numbers of the labels, such as those of the data set; others get `label_id`.

    Raises:
        UserError: an unknown split, or two labels that LU-AVS cannot tell apart.
    """
    if split not in SPLITS:
        raise UserError(f"split '{split}' is unknown; allowed: {', '.join(SPLITS)}{nearest(split, SPLITS)}")
    names, ids = _folder_labels(source), label_ids or {}
    annotations = []
    for (label, start, end), segments in _groups(source, names).items():
        place = folder / "annotations" / folder_name(source.id, label, start, end)
        place.mkdir(parents=True)
        _write_masks(place, source, segments)
        annotations.append(
            {
                "segment": [start, end],
                "label": label,
                "label_id": ids.get(label, label_id(label)),
                "objects": [_object(source, segment) for segment in segments],
            }
        )
    film = source.film
    entry = {"duration": round(film.duration, 2), "fps": round(film.fps, 2), "subset": split}
    content = {source.id: {**entry, "annotations": annotations}}
    (folder / f"seg_{split}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    _copy_video(folder / "videos", source)


def label_id(label: str) -> int:
    """A number that a label has in every export, so that exports of many videos below one root are one release."""
    return zlib.crc32(label.encode("utf-8"))


def _folder_labels(source: Source) -> dict[str, str]:
    """What a label is called in folders, where "/" cannot stand.

    Raises:
        UserError: two labels would share their folders.
    """
    names = {label: label.replace("/", "-") for label in source.labels}
    taken: dict[str, str] = {}
    for label, name in names.items():
        other = taken.setdefault(name.replace(" ", "_"), label)
        if other != label:
            raise UserError(f"labels '{other}' and '{label}' have the same folders in LU-AVS; rename one of them")
    return names


def _groups(source: Source, names: dict[str, str]) -> dict[tuple[str, int, int], list[Segment]]:
    """Segments by what LU-AVS knows them by."""
    groups: dict[tuple[str, int, int], list[Segment]] = {}
    for segment in source.segments:
        groups.setdefault((names[source.label(segment)], segment.start, segment.end), []).append(segment)
    return groups


def _object(source: Source, segment: Segment) -> dict[str, Any]:
    item = source.objects[segment.object_id]
    return {"object": item.id, "label": item.label, "name": item.name, "segment": segment.id, "status": segment.status}


def _write_masks(place: Path, source: Source, segments: Sequence[Segment]) -> None:
    """Row by row, each object's masks and those of all together."""
    length = segments[0].end - segments[0].start
    objects = sorted({segment.object_id for segment in segments})
    files = {
        object: Rows(place / f"object_{object}.npy", length, source.size) for object in objects if len(objects) > 1
    }
    together = Rows(place / MASKS, length, source.size)
    for frame in range(segments[0].start, segments[0].end):
        masks = {object: source.mask(object, frame) for object in objects}
        together.add(np.logical_or.reduce(list(masks.values())))
        for object, rows in files.items():
            rows.add(masks[object])
    for rows in (together, *files.values()):
        rows.close()


class Rows:
    """A `.npy` file of masks, written one at a time; empty ones take no room on disk.

    Args:
        path: of the file.
        length: how many masks it will hold.
        size: height and width.
    """

    def __init__(self, path: Path, length: int, size: tuple[int, int]) -> None:
        self.file = path.open("wb")
        header = {"descr": "|b1", "fortran_order": False, "shape": (length, *size)}
        np.lib.format.write_array_header_1_0(self.file, header)

    def add(self, mask: np.ndarray) -> None:
        """The next mask (H, W)."""
        if mask.any():
            self.file.write(np.ascontiguousarray(mask, np.bool_).tobytes())
        else:
            self.file.seek(mask.size, 1)

    def close(self) -> None:
        """Ends the file."""
        self.file.truncate()
        self.file.close()


def _copy_video(folder: Path, source: Source) -> None:
    path = source.film.path
    folder.mkdir()
    suffix = path.suffix if path.suffix.lower() in SUFFIXES else ".mkv"  # readers go by the content
    shutil.copyfile(path, folder / f"{source.id}{suffix}")
