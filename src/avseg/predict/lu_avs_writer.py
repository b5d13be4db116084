"""A prediction in the layout of LU-AVS, so that whatever reads the data set reads it too (`read_release`).

segments.json                                             what is predicted when
lu_avs/bbox_segs_test.json or seg_test.json               the same; the latter if there are masks
lu_avs/videos/ID.mp4                                      a link to the video
lu_avs/annotations/ID__LABEL__st__S__et__E/bbox.npy       (E - S, 4), NaN where nothing is seen
                                           masks.npy      (E - S, H, W) bool
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from avseg.data.lu_avs.ground_truth import BOXES, MASKS
from avseg.data.lu_avs.paths import folder_name
from avseg.media.video import SUFFIXES, Video
from avseg.predict.long_samples import Sample, Track


def segments_json(name: str, video: Video, tracks: Sequence[Track], labels: Sequence[str]) -> dict[str, Any]:
    """The entry of a video as in the annotation files of LU-AVS.

    Args:
        name: its id.
        video: what it is.
        tracks: the segments.
        labels: names of the classes; a class's place in it is its `label_id`.
    """
    annotations = [
        {"segment": [track.start, track.end], "label": labels[track.label], "label_id": track.label} for track in tracks
    ]
    entry = {"duration": round(video.duration, 3), "fps": round(video.frame_rate, 3), "subset": "test"}
    return {name: entry | {"annotations": annotations}}


class ReleaseWriter:
    """Writes the release folder of one video.

    Args:
        folder: of the results.
        name: the video's id.
        labels: names of the classes.
        size: height and width of the video, if its masks are to be written; else None.
    """

    def __init__(self, folder: Path, name: str, labels: Sequence[str], size: tuple[int, int] | None) -> None:
        self.root, self.name, self.labels = folder / "lu_avs", name, labels
        self.annotations, self.videos = self.root / "annotations", self.root / "videos"
        for made in (self.annotations, self.videos):
            made.mkdir(parents=True)
        self.masks = None if size is None else MaskFiles(self.root, size)

    def update(self, sample: Sample) -> None:
        """Adds the next scored frame."""
        if self.masks is not None:
            self.masks.update(sample)

    def finish(self, video: Video, tracks: Sequence[Track], entry: dict[str, Any]) -> None:
        """Writes boxes, masks, annotation file and link.

        Args:
            video: what it is.
            tracks: all segments.
            entry: the content of the annotation file.
        """
        files = {} if self.masks is None else self.masks.finish(len(video.times))
        for track in tracks:
            folder = self.annotations / folder_name(self.name, self.labels[track.label], track.start, track.end)
            folder.mkdir()
            np.save(folder / BOXES, track.rows())
            if self.masks is not None:
                files[track.label, track.start, track.end].rename(folder / MASKS)
        kind = "bbox_segs" if self.masks is None else "seg"
        write_pretty(self.root / f"{kind}_test.json", entry)
        suffix = video.path.suffix if video.path.suffix.lower() in SUFFIXES else ".mp4"
        _link(video.path.resolve(), self.videos / f"{self.name}{suffix}")


class MaskFiles:
    """Every frame's masks on disk, one file for each segment, row by row: nothing of them is kept in memory.

    Args:
        folder: where the files lie until they are moved.
        size: height and width of the video.
    """

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self.folder, self.size = folder, size
        self.open: dict[int, tuple[int, _MaskFile]] = {}  # by class: where its segment begins
        self.last: Sample | None = None
        self.done: dict[tuple[int, int, int], Path] = {}

    def update(self, sample: Sample) -> None:
        """Adds the next scored frame, when the one before is known to hold until it."""
        self._hold(sample.begin)
        for label in [*self.open]:
            if label not in sample.masks:
                self._end(label, sample.begin)
        for label in sample.masks:
            if label not in self.open:
                path = self.folder / f".{label}_{sample.begin}.npy"
                self.open[label] = (sample.begin, _MaskFile(path, self.size))
        self.last = sample

    def finish(self, end: int) -> dict[tuple[int, int, int], Path]:
        """The files by class, first frame and end; the last scored frame holds until `end`."""
        self._hold(end)
        for label in [*self.open]:
            self._end(label, end)
        return self.done

    def _hold(self, until: int) -> None:
        for label, (_, file) in self.open.items():
            assert self.last is not None
            file.add(self.last.masks[label], until - self.last.begin)

    def _end(self, label: int, end: int) -> None:
        start, file = self.open.pop(label)
        file.close()
        self.done[label, start, end] = file.path


class _MaskFile:
    """An array on disk that grows: numpy's header leaves room for the number of rows, which is known at the end."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self.path, self.size, self.rows = path, size, 0
        self.file: IO[bytes] = path.open("wb")
        self._write_header()
        self.begin = self.file.tell()

    def add(self, mask: np.ndarray, times: int) -> None:
        row = mask.astype(np.bool_, copy=False).tobytes()
        for _ in range(times):
            self.file.write(row)
        self.rows += times

    def close(self) -> None:
        self.file.seek(0)
        self._write_header()
        assert self.file.tell() == self.begin
        self.file.close()

    def _write_header(self) -> None:
        header = {"descr": "|b1", "fortran_order": False, "shape": (self.rows, *self.size)}
        np.lib.format.write_array_header_1_0(self.file, header)


def write_pretty(path: Path, values: dict[str, Any]) -> None:
    """Writes a json file that people can read, names in any script."""
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _link(source: Path, path: Path) -> None:
    try:
        path.symlink_to(source)
    except OSError:  # file systems without links
        shutil.copyfile(source, path)
