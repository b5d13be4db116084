"""Write synthetic long videos as a LU-AVS release, so that they are read exactly like the real one."""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from avseg.data.lu_avs.ground_truth import BOXES, MASKS, boxes_around
from avseg.data.lu_avs.paths import folder_name
from avseg.data.lu_avs.synthetic.mp4 import write_mp4
from avseg.data.lu_avs.synthetic.renderer import SyntheticVideo, SyntheticVideoConfig, generate_video
from avseg.data.setting import SPLITS
from avseg.data.synthetic.output import check_counts, check_new_folder, write_json
from avseg.utils.files import atomic_folder

EVENT_COLUMNS = ("split", "video", "hard", "object", "category", "source", "depth", "level_db", "frames")


class SegmentEntry(TypedDict):
    """A segment in an annotation file, in frames."""

    segment: list[int]
    label: str
    label_id: int


class VideoEntry(TypedDict):
    """A video in an annotation file."""

    duration: float
    fps: float
    subset: str
    annotations: list[SegmentEntry]


@dataclass
class SplitTotals:
    """Totals of a split: videos, hard videos, audible segments, seconds, and seconds of silence."""

    videos: int = 0
    hard: int = 0
    segments: int = 0
    seconds: float = 0.0
    silence: float = 0.0

    def add(self, video: SyntheticVideo) -> None:
        """Count a video."""
        frame_seconds = np.diff(np.append(video.times, video.duration))  # (N,)
        silent = np.ones(len(frame_seconds), np.bool_)  # (N,)
        for span in video.spans:
            silent[span.start : span.end] = False
        self.videos += 1
        self.hard += video.hard
        self.segments += len(video.spans)
        self.seconds += video.duration
        self.silence += float(frame_seconds[silent].sum())


def write_release(
    out: Path,  # a folder that does not exist or is empty
    config: SyntheticVideoConfig,
    counts: Mapping[str, int],  # videos per split
    options: Mapping[str, object],  # recorded in `generator.json`
    advance: Callable[[], None] = lambda: None,
) -> dict[str, SplitTotals]:
    """Generate and write a whole release; return the totals by split, without empty ones. Nothing is left on failure.

    In addition to `videos/`, `annotations/` and the annotation files it writes `events.csv` (each object of each
    video, including silent ones: class, depth, level, and the frames in which it sounds) and `generator.json` (the
    options). `advance` is called after each video.

    Raises:
        UserError: `out` is not an empty folder; a negative number of videos, or no videos at all.
    """
    check_counts(counts, "videos")
    check_new_folder(out)
    with atomic_folder(out) as folder:
        totals = _write_splits(folder, config, counts, advance)
        write_json(folder / "generator.json", options)
    return totals


def write_video(root: Path, video: SyntheticVideo, label_ids: Mapping[str, int], split: str) -> VideoEntry:
    """Write one video and the arrays of its segments below the root; return its entry in the annotation file."""
    folders: list[Path] = []
    arrays: list[npt.NDArray[np.generic]] = []
    annotations: list[SegmentEntry] = []
    for span in video.spans:
        label = _label(video.actors[span.object_id].category)
        folder = root / "annotations" / folder_name(video.id, label, span.start, span.end)
        folders.append(folder)
        arrays.append(_create_array(folder, video, span.end - span.start))  # filled while the frames are rendered
        annotations.append({"segment": [span.start, span.end], "label": label, "label_id": label_ids[label]})

    (root / "videos").mkdir(exist_ok=True)
    frames = _render_frames(video, arrays)
    write_mp4(root / "videos" / f"{video.id}.mp4", frames, video.shape, video.rate, video.waveform)
    if video.hard:  # masks are on disk already
        for folder, rows in zip(folders, arrays, strict=True):
            np.save(folder / BOXES, rows)
    return {
        "duration": round(video.duration, 2),
        "fps": round(len(video.ticks) / video.duration, 2),
        "subset": split,
        "annotations": annotations,
    }


def _render_frames(
    video: SyntheticVideo, arrays: list[npt.NDArray[np.generic]]
) -> Iterator[tuple[npt.NDArray[np.uint8], int, int]]:
    """Yield the frames with their first and last tick, and fill the rows of the segments on the way."""
    frame_ends = np.append(video.ticks[1:], video.ticks[-1] + 1)  # (N,)
    for first, frames, visible in video.render():
        for span, rows in zip(video.spans, arrays, strict=True):
            _fill_rows(rows, span.start, first, visible[:, span.object_id])
        for index, frame in enumerate(frames, first):
            yield frame, int(video.ticks[index]), int(frame_ends[index])


def _write_splits(
    root: Path, config: SyntheticVideoConfig, counts: Mapping[str, int], advance: Callable[[], None]
) -> dict[str, SplitTotals]:
    label_ids = _draw_label_ids(config)
    totals: dict[str, SplitTotals] = {}
    with (root / "events.csv").open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        events = csv.writer(file, lineterminator="\n")
        events.writerow(EVENT_COLUMNS)
        for split in SPLITS:
            if not counts.get(split):
                continue
            totals[split] = SplitTotals()
            normal: dict[str, VideoEntry] = {}
            hard: dict[str, VideoEntry] = {}
            for index in range(counts[split]):
                video = generate_video(config, split, index)
                entries = hard if video.hard else normal
                entries[video.id] = write_video(root, video, label_ids, split)
                events.writerows(_event_rows(video, split))
                totals[split].add(video)
                advance()
            if normal:
                write_json(root / f"seg_{split}.json", normal)
            if hard:
                write_json(root / f"bbox_segs_{split}.json", hard)
    return totals


def _draw_label_ids(config: SyntheticVideoConfig) -> dict[str, int]:
    """Draw an id for each label; as in the release, ids are not alphabetical and have gaps."""
    labels = list(map(_label, sorted(config.cast.categories)))
    order = np.random.default_rng(config.seed).permutation(len(labels))
    return {label: 2 * int(rank) + 1 for label, rank in zip(labels, order, strict=True)}


def _label(category: str) -> str:
    return category.replace("_", " ")


def _create_array(folder: Path, video: SyntheticVideo, length: int) -> npt.NDArray[np.generic]:
    """Create the array of a segment: masks (length, H, W) on disk, or boxes (length, 4) in memory."""
    folder.mkdir(parents=True)
    if video.hard:
        return np.full((length, 4), np.nan, np.float32)
    return np.lib.format.open_memmap(folder / MASKS, mode="w+", dtype=np.bool_, shape=(length, *video.shape))


def _fill_rows(rows: npt.NDArray[np.generic], start: int, first: int, masks: npt.NDArray[np.bool_]) -> None:
    """Copy masks (n, H, W) of the frames from `first` on into the rows of a segment that begins at `start`."""
    begin = max(first, start)
    end = min(first + len(masks), start + len(rows))
    if begin < end:
        overlap = masks[begin - first : end - first]  # (m, H, W)
        rows[begin - start : end - start] = overlap if rows.ndim == 3 else boxes_around(overlap)


def _event_rows(video: SyntheticVideo, split: str) -> list[list[object]]:
    """Return the rows of events.csv of one video, one for each object."""
    rows: list[list[object]] = []
    for object_id, (actor, scene_object) in enumerate(zip(video.actors, video.objects, strict=True)):
        frames = " ".join(f"{span.start}-{span.end}" for span in video.spans if span.object_id == object_id)
        level = f"{video.levels_db[object_id]:.2f}"
        label = _label(actor.category)
        rows.append(
            [split, video.id, int(video.hard), object_id, label, actor.source, scene_object.depth, level, frames]
        )
    return rows
