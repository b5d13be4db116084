"""Read the annotation files of LU-AVS: `seg_*.json` (masks), `bbox_segs_*.json` (boxes only), and of UnAV-100.

LU-AVS: `{id: {"duration", "fps", "subset", "annotations": [{"segment": [start, end], "label", "label_id"}]}}` with
segments in frames. UnAV-100 has the same inside `{"database": ...}`, with segments in seconds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from avseg.data.setting import SPLITS
from avseg.utils.errors import UserError, nearest

_SUBSETS = {"train": "train", "training": "train", "val": "val", "validation": "val", "test": "test", "testing": "test"}
_LARGEST = 1e15  # larger integers do not fit into a float


@dataclass(frozen=True)
class Entry:
    """One video of an annotation file."""

    file: Path
    id: str  # name of the video
    fps: float | None  # frames per second, None if not annotated
    duration: float  # seconds
    subset: str
    # (start, end, label, label_id); in frames, or in seconds if `in_seconds`
    segments: tuple[tuple[float, float, str, int], ...]
    in_seconds: bool  # True for UnAV-100


def read_annotations(path: Path) -> list[Entry]:
    """Read the videos of an annotation file; raises `UserError` for an unreadable file or an invalid field."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not readable JSON ({error}); download it again") from error
    in_seconds = isinstance(content, dict) and "database" in content
    videos = content["database"] if in_seconds else content
    if not isinstance(videos, dict):
        raise UserError(f"{path} contains a {type(videos).__name__}; expected an object of videos by id")
    return [_EntryReader(path, video_id, in_seconds).read(value) for video_id, value in videos.items()]


class _EntryReader:
    """Reads the entry of one video; its errors name the file and the video."""

    def __init__(self, path: Path, video_id: str, in_seconds: bool) -> None:
        self.path = path
        self.video_id = video_id
        self.in_seconds = in_seconds

    def read(self, value: object) -> Entry:
        if not isinstance(value, dict) or not isinstance(value.get("annotations"), list):
            raise self._error("has no list 'annotations'; expected duration, fps, subset, annotations")
        has_fps = not self.in_seconds or value.get("fps") is not None
        fps = self._positive(value, "fps") if has_fps else None
        duration = self._positive(value, "duration")
        subset = self._subset(value.get("subset"))
        segments = []
        for i, annotation in enumerate(value["annotations"]):
            segments.append(self._segment(f"annotation {i}", annotation))
        return Entry(self.path, self.video_id, fps, duration, subset, tuple(segments), self.in_seconds)

    def _error(self, problem: str) -> UserError:
        return UserError(f"{self.path}: video '{self.video_id}' {problem}")

    def _positive(self, value: Mapping[str, object], key: str) -> float:
        number = value.get(key)
        if not _is_number(number) or not 0 < number < float("inf"):
            raise self._error(f"has {key} {number!r}; expected a number above 0")
        return float(number)

    def _subset(self, value: object) -> str:
        """Return the subset of the entry; without one, the subset in the name of the file."""
        of_file = next((split for split in SPLITS if self.path.stem.endswith(f"_{split}")), None)
        subset = of_file if value is None else _SUBSETS.get(str(value).lower())
        if subset is None:
            raise self._error(f"has subset {value!r}; allowed: {', '.join(SPLITS)}{nearest(str(value), SPLITS)}")
        if of_file not in (None, subset):
            raise self._error(f"has subset '{value}' in a file of '{of_file}'; move it or correct its subset")
        return subset

    def _segment(self, key: str, value: object) -> tuple[float, float, str, int]:
        if not isinstance(value, dict):
            raise self._error(f"{key} is a {type(value).__name__}; expected segment, label, label_id")
        label = value.get("label")
        label_id = value.get("label_id")
        if not isinstance(label, str) or not label.strip():
            raise self._error(f"{key} has label {label!r}; expected a name")
        if not isinstance(label_id, int) or isinstance(label_id, bool):
            raise self._error(f"{key} has label_id {label_id!r}; expected a whole number")
        bounds = self._bounds(value.get("segment"))
        if bounds is None:
            unit = "seconds" if self.in_seconds else "whole frames"
            segment = f"has segment {value.get('segment')!r}"
            raise self._error(f"{key} {segment}; expected [start, end] in {unit}, start < end")
        return *bounds, label, label_id

    def _bounds(self, value: object) -> tuple[float, float] | None:
        """Return start and end of a valid segment, None for an invalid one."""
        if not isinstance(value, list) or len(value) != 2:
            return None
        start, end = value
        if not _is_number(start) or not _is_number(end) or not 0 <= start < end < float("inf"):
            return None
        if not self.in_seconds and not (float(start).is_integer() and float(end).is_integer()):
            return None
        return start, end


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) > _LARGEST
