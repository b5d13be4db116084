"""Reads a LU-AVS release as it is: annotation files, videos and segment folders anywhere below one root."""

from collections.abc import Iterable
from pathlib import Path

from avseg.data.lu_avs.annotations import Entry, read_annotations
from avseg.data.lu_avs.paths import Places, find_places, folder_name
from avseg.data.lu_avs.types import LUVideo, Release, Segment
from avseg.media.container import open_video, video_stream
from avseg.utils.errors import UserError


def read_release(root: Path | str, *, skip_missing: bool = False) -> Release:
    """Reads what is below a root, without opening any video or array.

    Args:
        root: holds `seg_*.json`, `bbox_segs_*.json`, videos and segment folders, at most four folders deep.
        skip_missing: leave out videos whose file or one of whose segment folders is not there; else that is an error.

    Raises:
        UserError: a missing file or folder, an annotation that makes no sense, labels that contradict each other.
    """
    places = find_places(Path(root))
    entries = [entry for path in places.jsons for entry in read_annotations(path)]
    label_ids = _label_ids(entries)
    classes = {name: place for place, name in enumerate(sorted(label_ids, key=label_ids.__getitem__))}
    known: dict[str, Entry] = {}
    videos: dict[str, LUVideo] = {}
    for entry in entries:
        if entry.id in known:
            raise UserError(
                f"{entry.file}: video '{entry.id}' is in {known[entry.id].file.name} already; remove one of the two"
            )
        known[entry.id] = entry
        if not (skip_missing and _is_missing(entry, places)):
            videos[entry.id] = _video(entry, places, classes)
    return Release(list(classes), videos)


def has_masks(entry: Entry) -> bool:
    """Whether an entry is of the "normal" videos, which have masks; `bbox_segs_*` are "hard" and have boxes alone."""
    return entry.file.name.startswith("seg_")


def _label_ids(entries: Iterable[Entry]) -> dict[str, int]:
    """label_id by name.

    Raises:
        UserError: a name with two ids, or an id with two names.
    """
    ids: dict[str, int] = {}
    names: dict[int, str] = {}
    for entry in entries:
        for *_, label, number in entry.segments:
            if ids.setdefault(label, number) != number:
                raise _conflict(entry, f"label '{label}' has label_id {number}, elsewhere {ids[label]}")
            if names.setdefault(number, label) != label:
                raise _conflict(entry, f"label_id {number} is '{label}', elsewhere '{names[number]}'")
    return ids


def _conflict(entry: Entry, text: str) -> UserError:
    return UserError(f"{entry.file}: video '{entry.id}': {text}; one id must mean one label in all files")


def _is_missing(entry: Entry, places: Places) -> bool:
    if entry.id not in places.videos:
        return True
    return not entry.in_seconds and any(
        places.folder(entry.id, label, int(start), int(end)) is None for start, end, label, _ in entry.segments
    )


def _video(entry: Entry, places: Places, classes: dict[str, int]) -> LUVideo:
    path = places.videos.get(entry.id)
    if path is None:
        raise UserError(
            f"{entry.file}: video '{entry.id}' is nowhere below {places.root}; unpack the videos there, "
            "or set skip_missing to go on without"
        )
    fps = entry.fps or _rate(path)
    segments = tuple(
        Segment(start, end, classes[label], _folder(entry, places, label, start, end))
        for start, end, label in _in_frames(entry, fps)
    )
    return LUVideo(
        entry.id, path, fps, entry.duration, entry.subset, segments, has_masks(entry) and not entry.in_seconds
    )


def _in_frames(entry: Entry, fps: float) -> list[tuple[int, int, str]]:
    if not entry.in_seconds:
        return [(int(start), int(end), label) for start, end, label, _ in entry.segments]
    rounded = [(round(start * fps), round(end * fps), label) for start, end, label, _ in entry.segments]
    return [(start, max(end, start + 1), label) for start, end, label in rounded]


def _folder(entry: Entry, places: Places, label: str, start: int, end: int) -> Path | None:
    folder = places.folder(entry.id, label, start, end)
    if folder is None and not entry.in_seconds:
        raise UserError(
            f"{entry.file}: the folder {folder_name(entry.id, label, start, end)} is nowhere below {places.root}; "
            "unpack the annotations there, or set skip_missing to go on without"
        )
    return folder


def _rate(path: Path) -> float:
    with open_video(path) as container:
        stream = video_stream(container, path)
        return float(stream.average_rate or stream.guessed_rate or 25)
