"""Read a LU-AVS release as it is: annotation files, videos and segment folders anywhere below one root."""

from collections.abc import Iterable
from pathlib import Path

from avseg.data.lu_avs.annotations import Entry, read_annotations
from avseg.data.lu_avs.paths import ReleasePaths, find_paths, folder_name
from avseg.data.lu_avs.types import LUVideo, Release, Segment
from avseg.media.container import open_video, video_stream
from avseg.utils.errors import UserError


def read_release(root: Path | str, *, skip_missing: bool = False) -> Release:
    """Read a release without opening any video or array; its files are at most four folders below the root.

    With `skip_missing`, videos whose file or any segment folder is missing are left out; otherwise that is an error.

    Raises:
        UserError: a missing file or folder, an invalid annotation, contradictory labels.
    """
    paths = find_paths(Path(root))
    entries: list[Entry] = []
    for path in paths.annotation_files:
        entries += read_annotations(path)
    label_ids = _read_label_ids(entries)
    labels = sorted(label_ids, key=label_ids.__getitem__)  # class index = rank of the label_id
    entry_by_id: dict[str, Entry] = {}
    videos: dict[str, LUVideo] = {}
    for entry in entries:
        if entry.id in entry_by_id:
            first = entry_by_id[entry.id].file.name
            raise UserError(f"{entry.file}: video '{entry.id}' is in {first} already; remove one of the two")
        entry_by_id[entry.id] = entry
        if not (skip_missing and _is_missing(entry, paths)):
            videos[entry.id] = _make_video(entry, paths, labels)
    return Release(labels, videos)


def has_masks(entry: Entry) -> bool:
    """True for the "normal" videos, which have masks; the "hard" ones in `bbox_segs_*` have boxes only."""
    return entry.file.name.startswith("seg_")


def _read_label_ids(entries: Iterable[Entry]) -> dict[str, int]:
    """Return the label_id of each label; refuse a label with two ids or an id with two labels."""
    ids: dict[str, int] = {}
    labels: dict[int, str] = {}
    for entry in entries:
        for *_, label, label_id in entry.segments:
            if ids.setdefault(label, label_id) != label_id:
                raise _conflict(entry, f"label '{label}' has label_id {label_id}, elsewhere {ids[label]}")
            if labels.setdefault(label_id, label) != label:
                raise _conflict(entry, f"label_id {label_id} is '{label}', elsewhere '{labels[label_id]}'")
    return ids


def _conflict(entry: Entry, problem: str) -> UserError:
    return UserError(f"{entry.file}: video '{entry.id}': {problem}; one id must mean one label in all files")


def _is_missing(entry: Entry, paths: ReleasePaths) -> bool:
    """True if the video or one of its segment folders does not exist."""
    if entry.id not in paths.videos:
        return True
    if entry.in_seconds:  # UnAV-100 has no segment folders
        return False
    folders = [paths.folder(entry.id, label, int(start), int(end)) for start, end, label, _ in entry.segments]
    return None in folders


def _make_video(entry: Entry, paths: ReleasePaths, labels: list[str]) -> LUVideo:
    path = paths.videos.get(entry.id)
    if path is None:
        raise UserError(
            f"{entry.file}: video '{entry.id}' was not found below {paths.root}; unpack the videos there, "
            "or set skip_missing to continue without it"
        )
    fps = entry.fps or _frame_rate(path)  # UnAV-100 has no frame rates
    segments = []
    for start, end, label in segments_in_frames(entry, fps):
        folder = _segment_folder(entry, paths, label, start, end)
        segments.append(Segment(start, end, labels.index(label), folder))
    with_masks = has_masks(entry) and not entry.in_seconds
    return LUVideo(entry.id, path, fps, entry.duration, entry.subset, tuple(segments), with_masks)


def segments_in_frames(entry: Entry, fps: float) -> list[tuple[int, int, str]]:
    """Return start, end and label of each segment, in frames."""
    scale = fps if entry.in_seconds else 1.0
    segments = []
    for start, end, label, _ in entry.segments:
        first = round(start * scale)
        segments.append((first, max(round(end * scale), first + 1), label))  # at least one frame
    return segments


def _segment_folder(entry: Entry, paths: ReleasePaths, label: str, start: int, end: int) -> Path | None:
    folder = paths.folder(entry.id, label, start, end)
    if folder is None and not entry.in_seconds:
        raise UserError(
            f"{entry.file}: the folder {folder_name(entry.id, label, start, end)} was not found below {paths.root}; "
            "unpack the annotations there, or set skip_missing to continue without the video"
        )
    return folder


def _frame_rate(path: Path) -> float:
    with open_video(path) as container:
        stream = video_stream(container, path)
        return float(stream.average_rate or stream.guessed_rate or 25)
