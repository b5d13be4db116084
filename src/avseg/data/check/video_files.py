"""Reads one long video, and tells what is wrong with it and with the arrays of its segments."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avseg.data.check.findings import Finding, reason, relative
from avseg.data.lu_avs.annotations import Entry
from avseg.data.lu_avs.ground_truth import BOXES, MASKS, check_video, cut_boxes
from avseg.data.lu_avs.paths import Places
from avseg.data.lu_avs.release import has_masks
from avseg.data.lu_avs.types import LUVideo, Segment
from avseg.media.frame_index import FrameIndex, frame_index
from avseg.utils.errors import UserError

_HEAD = 1 << 20  # bytes at both ends by which the same file is known
_SLACK = 1.0  # seconds that a video may be shorter than annotated
_SEGMENT = "fetch the video again, or correct the segment"
_ARRAY = "download the annotations again"


@dataclass
class FilmRecord:
    """What was found in a video.

    Attributes:
        entry: its annotations.
        findings: what is wrong.
        digest: of the file.
        frames: how many it has.
        seconds: its length.
        segments: (seconds, label) of each audible segment.
        silent: seconds in which no segment is active.
        shares: marked shares of the picture in the rows that were looked at.
    """

    entry: Entry
    findings: list[Finding] = field(default_factory=list)
    digest: str = ""
    frames: int = 0
    seconds: float = 0.0
    segments: list[tuple[float, str]] = field(default_factory=list)
    silent: float = 0.0
    shares: list[float] = field(default_factory=list)


def read_film(places: Places, entry: Entry) -> FilmRecord:
    """Looks at a video that is there and at its segments; pictures are not decoded."""
    record, path = FilmRecord(entry), places.videos[entry.id]
    root = places.root
    record.digest = _digest(path)
    try:
        index = frame_index(path)
    except UserError as error:
        text = "is empty (0 bytes)" if path.stat().st_size == 0 else reason(error, path)
        record.findings.append(Finding("unreadable", relative(path, root), text))
        return record
    record.frames, record.seconds = len(index), index.video.duration
    if fault := _cut_short(index, entry):
        record.findings.append(Finding("unreadable", relative(path, root), fault))
        return record
    if index.video.sound is None:
        record.findings.append(Finding("length", relative(path, root), "has no sound"))
    bounds = list(_bounds(record, entry, index, relative(path, root)))
    _measure(record, index, bounds)
    if not entry.in_seconds:
        for start, end, label in bounds:
            folder = places.folder(entry.id, label, start, end)
            if folder is not None:
                _check_arrays(record, index, Segment(start, end, 0, folder), root)
    return record


def _cut_short(index: FrameIndex, entry: Entry) -> str:
    """How a video is shorter than its header or its annotations say; "" if it is not."""
    if index.video.missing:
        return f"is truncated: the header promises {index.video.missing:.1f} s more"
    if index.video.duration < entry.duration - _SLACK:
        return f"lasts {index.video.duration:.1f} s, annotated are {entry.duration:.1f} s"
    return ""


def _bounds(record: FilmRecord, entry: Entry, index: FrameIndex, where: str) -> Iterator[tuple[int, int, str]]:
    """The segments in frames; one that ends more than a frame behind its video is noted and left out."""
    fps = entry.fps or index.video.frame_rate
    for start, end, label, _ in entry.segments:
        scale = fps if entry.in_seconds else 1.0
        first, last = round(start * scale), max(round(end * scale), round(start * scale) + 1)
        if last > len(index) + (fps if entry.in_seconds else 1):
            text = f"segment {start:g}-{end:g} of '{label}' ends behind the video's {len(index)} frames"
            record.findings.append(Finding("segment", where, text, _SEGMENT))
        else:
            yield first, last, label


def _check_arrays(record: FilmRecord, index: FrameIndex, segment: Segment, root: Path) -> None:
    """Shape, type and length by the reader's own rule, then the content of a few rows."""
    assert segment.folder is not None
    entry = record.entry
    path = segment.folder / (MASKS if has_masks(entry) else BOXES)
    where = relative(path, root)
    video = LUVideo(entry.id, index.video.path, 1.0, entry.duration, entry.subset, (segment,), has_masks(entry))
    if not path.is_file():
        record.findings.append(Finding("missing", where, "the segment's array is not there", _ARRAY))
        return
    try:
        check_video(video, index)
    except UserError as error:
        kind = "unreadable" if "not a readable" in str(error) else "array"
        text = reason(error, path, segment.folder, index.video.path)
        record.findings.append(Finding(kind, where, text, _ARRAY))
        return
    rows = np.load(path, mmap_mode="r", allow_pickle=False)
    shares = _mask_shares(rows) if has_masks(entry) else _box_shares(rows, (index.video.height, index.video.width))
    if has_masks(entry) and not _black_white(rows):
        record.findings.append(Finding("mask values", where, "holds more values than 0 and one other", _ARRAY))
    if not any(shares):
        what = "the first, middle and last mask mark nothing" if has_masks(entry) else "no box lies in the picture"
        record.findings.append(Finding("empty mask", where, what, "look at it; else download the annotations again"))
    record.shares += [share for share in shares if share > 0]


def _looks(rows: npt.NDArray[np.generic]) -> list[int]:
    """The rows whose content is read: first, middle, last. All of them would be terabytes."""
    return sorted({0, len(rows) // 2, len(rows) - 1})


def _mask_shares(rows: npt.NDArray[np.generic]) -> list[float]:
    return [float(np.count_nonzero(rows[place])) / rows[place].size for place in _looks(rows)]


def _black_white(rows: npt.NDArray[np.generic]) -> bool:
    if rows.dtype == np.bool_:
        return True
    values = np.unique(np.concatenate([np.unique(rows[place]) for place in _looks(rows)]))
    return len(values[values != 0]) <= 1


def _box_shares(rows: npt.NDArray[np.generic], size: tuple[int, int]) -> list[float]:
    boxes = cut_boxes(np.asarray(rows, np.float32), size)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / (size[0] * size[1])
    return [float(area) for area in np.nan_to_num(areas)]


def _measure(record: FilmRecord, index: FrameIndex, bounds: list[tuple[int, int, str]]) -> None:
    """Lengths of segments and of silence in seconds, by the frames' own times."""
    edges = index.edges()
    silent = np.ones(len(index), np.bool_)
    for start, end, label in bounds:
        end = min(end, len(index))
        record.segments.append((float(edges[end] - edges[min(start, end)]), label))
        silent[start:end] = False
    record.silent = float(np.diff(edges)[silent].sum())


def _digest(path: Path) -> str:
    """Of a file's length and both of its ends."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(max(size - _HEAD, 0))
        return hashlib.sha256(str(size).encode() + head + file.read(_HEAD)).hexdigest()
