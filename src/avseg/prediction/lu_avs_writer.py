"""Write a prediction in the layout of LU-AVS, readable like the data set (`avseg.data.lu_avs.read_release`).

segments.json                                             predicted segments
lu_avs/bbox_segs_test.json or seg_test.json               the same; the latter if there are masks
lu_avs/videos/ID.mp4                                      a link to the video
lu_avs/annotations/ID__LABEL__st__S__et__E/bbox.npy       (E - S, 4), NaN where no region is predicted
                                           masks.npy      (E - S, H, W) bool
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from avseg.data.lu_avs.ground_truth import BOXES, MASKS
from avseg.data.lu_avs.paths import folder_name
from avseg.media.video import SUFFIXES, Video
from avseg.prediction.prediction import FramePrediction
from avseg.prediction.tracks import Track


def segments_json(video_id: str, video: Video, tracks: Sequence[Track], labels: Sequence[str]) -> dict[str, object]:
    """Return the content of the annotation file of a single video; `labels` are in the order of their `label_id`."""
    annotations = []
    for track in tracks:
        label = labels[track.label]
        annotations.append({"segment": [track.start, track.end], "label": label, "label_id": track.label})
    duration = round(video.duration, 3)
    fps = round(video.frame_rate, 3)
    return {video_id: {"duration": duration, "fps": fps, "subset": "test", "annotations": annotations}}


class ReleaseWriter:
    """Writes the release folder of one video, with masks if their `size` (H, W) is given."""

    def __init__(self, folder: Path, video_id: str, labels: Sequence[str], size: tuple[int, int] | None) -> None:
        self.root = folder / "lu_avs"
        self.annotations = self.root / "annotations"
        self.videos = self.root / "videos"
        self.annotations.mkdir(parents=True)
        self.videos.mkdir()
        self.video_id = video_id
        self.labels = labels
        self.masks = None if size is None else MaskFiles(self.root, size)

    def update(self, frame: FramePrediction) -> None:
        """Add the next scored frame."""
        if self.masks is not None:
            self.masks.update(frame)

    def finish(self, video: Video, tracks: Sequence[Track], segments: Mapping[str, object]) -> None:
        """Write boxes, masks, annotation file (with the content `segments`) and link."""
        files = {} if self.masks is None else self.masks.finish(len(video.times))
        for track in tracks:
            folder = self.annotations / folder_name(self.video_id, self.labels[track.label], track.start, track.end)
            folder.mkdir()
            np.save(folder / BOXES, track.rows())
            if self.masks is not None:
                files[track.label, track.start, track.end].rename(folder / MASKS)
        name = "bbox_segs_test.json" if self.masks is None else "seg_test.json"
        write_json(self.root / name, segments)
        # the reader of the data set finds videos by these suffixes
        suffix = video.path.suffix if video.path.suffix.lower() in SUFFIXES else ".mp4"
        _link(video.path.resolve(), self.videos / f"{self.video_id}{suffix}")


class MaskFiles:
    """Masks of every frame on disk, one file for each segment, written row by row: none is kept in memory."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self.folder = folder
        self.size = size
        self.open: dict[int, tuple[int, _MaskFile]] = {}  # by class: start and file of its segment
        self.last: FramePrediction | None = None
        self.closed: dict[tuple[int, int, int], Path] = {}

    def update(self, frame: FramePrediction) -> None:
        """Add the next scored frame, which ends the time of the one before."""
        self._repeat_last(frame.begin)
        for label in list(self.open):
            if label not in frame.masks:  # its segment ends
                self._close(label, frame.begin)
        for label in frame.masks:
            if label not in self.open:  # its segment begins
                path = self.folder / f".{label}_{frame.begin}.npy"
                self.open[label] = (frame.begin, _MaskFile(path, self.size))
        self.last = frame

    def finish(self, end: int) -> dict[tuple[int, int, int], Path]:
        """Close the files at frame `end`; return them by class, first frame and end."""
        self._repeat_last(end)
        for label in list(self.open):
            self._close(label, end)
        return self.closed

    def _repeat_last(self, until: int) -> None:
        """Write the masks of the last scored frame for all frames before `until`."""
        for label, (_, file) in self.open.items():
            assert self.last is not None
            file.add(self.last.masks[label], until - self.last.begin)

    def _close(self, label: int, end: int) -> None:
        start, file = self.open.pop(label)
        file.close()
        self.closed[label, start, end] = file.path


class _MaskFile:
    """An array on disk that grows: numpy's header has room for the number of rows, which is filled in at the end."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self.path = path
        self.size = size
        self.rows = 0
        self.file: IO[bytes] = path.open("wb")
        self._write_header()
        self.begin = self.file.tell()

    def add(self, mask: np.ndarray, times: int) -> None:
        row = mask.astype(np.bool_, copy=False).tobytes()  # H * W bytes
        for _ in range(times):
            self.file.write(row)
        self.rows += times

    def close(self) -> None:
        self.file.seek(0)
        self._write_header()
        assert self.file.tell() == self.begin  # the header has not grown into the data
        self.file.close()

    def _write_header(self) -> None:
        header = {"descr": "|b1", "fortran_order": False, "shape": (self.rows, *self.size)}
        np.lib.format.write_array_header_1_0(self.file, header)


def write_json(path: Path, values: Mapping[str, object]) -> None:
    """Write an indented JSON file with names in any script."""
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def _link(source: Path, path: Path) -> None:
    try:
        path.symlink_to(source)
    except OSError:  # the file system does not support links
        shutil.copyfile(source, path)
