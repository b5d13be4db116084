"""Check one long video and the arrays of its segments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avseg.data.check.clips import Progress
from avseg.data.check.findings import Finding, reason, relative
from avseg.data.lu_avs.annotations import Entry
from avseg.data.lu_avs.ground_truth import BOXES, MASKS, check_video, cut_boxes
from avseg.data.lu_avs.paths import ReleasePaths
from avseg.data.lu_avs.release import has_masks, segments_in_frames
from avseg.data.lu_avs.types import LUVideo, Segment
from avseg.media.frame_index import FrameIndex, frame_index
from avseg.utils.errors import UserError
from avseg.utils.hashing import ends_digest
from avseg.utils.processes import map_in_order

_TOLERANCE = 1.0  # seconds that a video may be shorter than annotated
_MIN_VIDEOS = 100  # per process, below which starting it does not pay
_FIX_SEGMENT = "fetch the video again, or correct the segment"
_FIX_ARRAY = "download the annotations again"
_FIX_EMPTY = "look at it; otherwise download the annotations again"
Bounds = tuple[int, int, str]  # first frame, last frame + 1, label


@dataclass
class VideoRecord:
    """The findings and measurements of one video."""

    entry: Entry
    findings: list[Finding] = field(default_factory=list)
    digest: str = ""  # size of the file and hash of its two ends; "" if it cannot be read
    frames: int = 0
    seconds: float = 0.0
    segments: list[tuple[float, str]] = field(default_factory=list)  # (seconds, label) of each audible segment
    silent: float = 0.0  # seconds without an active segment
    shares: list[float] = field(default_factory=list)  # marked shares of the image in the sampled rows


def existing_videos(tree: ReleasePaths, entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries whose videos exist; missing ones have a finding already."""
    return [entry for entry in entries if entry.id in tree.videos]


def read_videos(tree: ReleasePaths, entries: Sequence[Entry], jobs: int, progress: Progress) -> list[VideoRecord]:
    """Check the videos that exist in `jobs` processes; return their records in order."""
    existing = existing_videos(tree, entries)
    records: list[VideoRecord] = []
    for record in map_in_order(partial(read_video, tree), existing, jobs, _MIN_VIDEOS):
        records.append(record)
        progress(len(records), len(existing))
    return records


def read_video(tree: ReleasePaths, entry: Entry) -> VideoRecord:
    """Check an existing video and its segments without decoding frames."""
    record = VideoRecord(entry)
    path = tree.videos[entry.id]
    file = relative(path, tree.root)
    try:
        if path.is_file():  # not a dangling link
            record.digest = f"{path.stat().st_size}-{ends_digest(path)}"
        index = frame_index(path)
    except UserError as error:
        text = "is empty (0 bytes)" if record.digest.startswith("0-") else reason(error, path)
        record.findings.append(Finding("unreadable", file, text))
        return record
    except OSError as error:
        record.findings.append(Finding("unreadable", file, f"cannot be read ({error.strerror})"))
        return record
    record.frames = len(index)
    record.seconds = index.video.duration
    if text := _truncation(index, entry):
        record.findings.append(Finding("unreadable", file, text))
        return record
    if index.video.sound is None:
        record.findings.append(Finding("length", file, "has no sound track"))
    segments = list(_existing_segments(record, index, file))
    _measure(record, index, segments)
    for start, end, label in () if entry.in_seconds else segments:
        folder = tree.folder(entry.id, label, start, end)
        if folder is not None:
            _check_arrays(record, index, Segment(start, end, 0, folder), tree.root)
    return record


def _truncation(index: FrameIndex, entry: Entry) -> str:
    """Describe how a video is shorter than its header or its annotations state; "" if it is not."""
    if index.video.missing:
        return f"is truncated: the header declares {index.video.missing:.1f} s more"
    if index.video.duration < entry.duration - _TOLERANCE:
        return f"lasts {index.video.duration:.1f} s, annotated are {entry.duration:.1f} s"
    return ""


def _existing_segments(record: VideoRecord, index: FrameIndex, file: str) -> Iterator[Bounds]:
    """Yield the segments in frames; report and skip those that end more than a frame after the video."""
    entry = record.entry
    fps = entry.fps or index.video.frame_rate  # UnAV-100 does not state it
    for (start, end, *_), (first, stop, label) in zip(entry.segments, segments_in_frames(entry, fps), strict=True):
        if stop > len(index) + (fps if entry.in_seconds else 1):
            text = f"segment {start:g}-{end:g} of '{label}' ends after the video's {len(index)} frames"
            record.findings.append(Finding("segment", file, text, _FIX_SEGMENT))
        else:
            yield first, stop, label


def _check_arrays(record: VideoRecord, index: FrameIndex, segment: Segment, root: Path) -> None:
    """Check shape, type and length as the reader does, then the content of a few rows."""
    assert segment.folder is not None
    entry = record.entry
    with_masks = has_masks(entry)
    path = segment.folder / (MASKS if with_masks else BOXES)
    file = relative(path, root)
    # a video with this segment alone, to apply the reader's own rule
    video = LUVideo(entry.id, index.video.path, 1.0, entry.duration, entry.subset, (segment,), with_masks)
    if not path.is_file():
        record.findings.append(Finding("missing", file, "the segment's array does not exist", _FIX_ARRAY))
        return
    try:
        check_video(video, index)
    except UserError as error:
        issue = "unreadable" if "not a readable" in str(error) else "array"
        text = reason(error, path, segment.folder, index.video.path)
        record.findings.append(Finding(issue, file, text, _FIX_ARRAY))
        return
    rows = np.load(path, mmap_mode="r", allow_pickle=False)
    # first, middle and last: all rows of a release would be terabytes
    sample = [rows[row] for row in sorted({0, len(rows) // 2, len(rows) - 1})]
    if with_masks:
        shares = [np.count_nonzero(mask) / mask.size for mask in sample]
        if rows.dtype != np.bool_ and len(np.setdiff1d(np.stack(sample), [0])) > 1:
            record.findings.append(Finding("mask values", file, "holds more values than 0 and one other", _FIX_ARRAY))
    else:
        shares = _box_shares(rows, (index.video.height, index.video.width))
    if not any(shares):
        text = "the first, middle and last mask mark nothing" if with_masks else "no box overlaps the image"
        record.findings.append(Finding("empty mask", file, text, _FIX_EMPTY))
    record.shares += [share for share in shares if share > 0]


def _box_shares(rows: npt.NDArray[np.generic], size: tuple[int, int]) -> list[float]:
    boxes = cut_boxes(np.asarray(rows, np.float32), size)  # (frames, 4): left, top, right, bottom
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / (size[0] * size[1])
    shares: list[float] = np.nan_to_num(areas).astype(float).tolist()  # NaN: no box inside the image
    return shares


def _measure(record: VideoRecord, index: FrameIndex, segments: list[Bounds]) -> None:
    """Measure segments and silence in seconds by the frames' own times."""
    edges = index.edges()  # (frames + 1,) seconds
    silent = np.ones(len(index), np.bool_)  # (frames,)
    for start, end, label in segments:
        end = min(end, len(index))  # it may exceed the video by one frame
        record.segments.append((float(edges[end] - edges[min(start, end)]), label))
        silent[start:end] = False
    record.silent = float(np.diff(edges)[silent].sum())
