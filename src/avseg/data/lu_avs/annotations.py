"""The annotation files of LU-AVS: `seg_*.json` (masks), `bbox_segs_*.json` (boxes alone), and UnAV-100's.

LU-AVS: `{id: {"duration", "fps", "subset", "annotations": [{"segment": [start, end], "label", "label_id"}]}}` with
segments in frames. UnAV-100 has the same inside `{"database": ...}`, with segments in seconds.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avseg.utils.errors import UserError, nearest

SPLITS = ("train", "val", "test")
_SUBSETS = {"train": "train", "training": "train", "val": "val", "validation": "val", "test": "test", "testing": "test"}
_LARGEST = 1e15


@dataclass(frozen=True)
class Entry:
    """One video of an annotation file.

    Attributes:
        file: the annotation file.
        id: the video's name.
        fps: frames per second, None if not said.
        duration: seconds.
        subset: "train", "val" or "test".
        segments: (start, end, label, label_id); in frames, or seconds where `in_seconds`.
        in_seconds: UnAV-100 style.
    """

    file: Path
    id: str
    fps: float | None
    duration: float
    subset: str
    segments: tuple[tuple[float, float, str, int], ...]
    in_seconds: bool


def read_annotations(path: Path) -> list[Entry]:
    """The videos of an annotation file.

    Raises:
        UserError: not readable, not JSON, a field that is missing or makes no sense.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not readable JSON ({error}); download it again") from error
    in_seconds = isinstance(content, dict) and "database" in content
    videos = content["database"] if in_seconds else content
    if not isinstance(videos, dict):
        raise UserError(f"{path} holds a {type(videos).__name__}; expected an object of videos by id")
    return [_Reader(path, name, in_seconds).entry(value) for name, value in videos.items()]


class _Reader:
    """Reads one video's entry, and says where a mistake is."""

    def __init__(self, path: Path, video: str, in_seconds: bool) -> None:
        self.path, self.video, self.in_seconds = path, video, in_seconds

    def entry(self, value: Any) -> Entry:
        if not isinstance(value, dict) or not isinstance(value.get("annotations"), list):
            raise self._wrong("has no list 'annotations'; expected duration, fps, subset, annotations")
        fps = None if self.in_seconds and value.get("fps") is None else self._positive(value, "fps")
        return Entry(
            file=self.path,
            id=self.video,
            fps=fps,
            duration=self._positive(value, "duration"),
            subset=self._subset(value.get("subset")),
            segments=tuple(self._segment(place, item) for place, item in enumerate(value["annotations"])),
            in_seconds=self.in_seconds,
        )

    def _wrong(self, text: str) -> UserError:
        return UserError(f"{self.path}: video '{self.video}' {text}")

    def _positive(self, value: dict[str, Any], key: str) -> float:
        number: Any = value.get(key)
        if not _is_number(number) or not 0 < number < float("inf"):
            raise self._wrong(f"has {key} {number!r}; expected a number above 0")
        return float(number)

    def _subset(self, word: Any) -> str:
        own = next((split for split in SPLITS if self.path.stem.endswith(f"_{split}")), None)
        said = own if word is None else _SUBSETS.get(str(word).lower())
        if said is None:
            raise self._wrong(f"has subset {word!r}; allowed: {', '.join(SPLITS)}{nearest(str(word), SPLITS)}")
        if own is not None and own != said:
            raise self._wrong(f"has subset '{word}' in a file of '{own}'; move it or correct its subset")
        return said

    def _segment(self, place: int, item: Any) -> tuple[float, float, str, int]:
        if not isinstance(item, dict):
            raise self._wrong(f"annotation {place} is a {type(item).__name__}; expected segment, label, label_id")
        label, number, segment = item.get("label"), item.get("label_id"), item.get("segment")
        if not isinstance(label, str) or not label.strip():
            raise self._wrong(f"annotation {place} has label {label!r}; expected a name")
        if not isinstance(number, int) or isinstance(number, bool):
            raise self._wrong(f"annotation {place} has label_id {number!r}; expected a whole number")
        start, end = self._boundaries(place, segment)
        return start, end, label, number

    def _boundaries(self, place: int, segment: Any) -> tuple[float, float]:
        unit = "seconds" if self.in_seconds else "whole frames"
        fine = isinstance(segment, list) and len(segment) == 2 and all(_is_number(value) for value in segment)
        if fine and not self.in_seconds:
            fine = all(float(value).is_integer() for value in segment)
        if not fine or not 0 <= segment[0] < segment[1] < float("inf"):
            wanted = f"expected [start, end] in {unit}, start < end"
            raise self._wrong(f"annotation {place} has segment {segment!r}; {wanted}")
        return segment[0], segment[1]


def _is_number(value: Any) -> bool:
    # integers beyond this have no place in a float
    return isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) > _LARGEST
