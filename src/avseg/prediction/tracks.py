"""Audible segments of a video: regions of a class joined over time."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torchvision.ops import box_iou

from avseg.prediction.prediction import FramePrediction


@dataclass
class Track:
    """An audible segment: one region of a class in the frames `start` to `end`, `end` excluded."""

    label: int
    start: int
    end: int = 0  # 0 while the segment is open
    frames: "array[int]" = field(default_factory=lambda: array("q"))  # (n,) from which each of its boxes holds
    boxes: "array[float]" = field(default_factory=lambda: array("f"))  # (n * 4,) left, top, right, bottom

    def rows(self) -> np.ndarray:
        """Return (end - start, 4) float32: the box in every frame, held from each scored one to the next."""
        durations = np.diff([*self.frames, self.end])  # (n,) frames that each box holds
        return np.repeat(np.array(self.boxes, np.float32).reshape(-1, 4), durations, axis=0)

    def split(self, frame: int) -> tuple["Track", "Track"]:
        """Split into two segments, the second of which starts at `frame`."""
        count = int(np.searchsorted(self.frames, frame))  # boxes that start before the frame
        first = Track(self.label, self.start, frame, self.frames[:count], self.boxes[: 4 * count])
        starts_box = frame in self.frames
        later = self.frames[count + starts_box :]
        # a box that holds across the cut belongs to both
        boxes = self.boxes[4 * (count if starts_box else count - 1) :]
        return first, Track(self.label, frame, self.end, array("q", [frame, *later]), boxes)


class Tracks:
    """Joins scored frames to segments, one for each region of a class: two dogs are two segments.

    Boxes of consecutive frames are matched by their overlap (Hungarian algorithm). As long as the number of boxes stays
    the same no segment ends, because at a few frames per second objects move farther than they are wide.
    """

    def __init__(self) -> None:
        self.open: dict[int, list[Track]] = {}  # by class
        self.closed: list[Track] = []

    def update(self, frame: FramePrediction) -> None:
        """Add the next scored frame."""
        for label in list(self.open):
            if label not in frame.boxes:
                self._close(self.open.pop(label), frame.begin)
        for label, boxes in frame.boxes.items():
            self._continue(label, boxes, frame.begin)

    def _continue(self, label: int, boxes: np.ndarray, begin: int) -> None:
        tracks = self.open.get(label, [])  # those of the frame before
        matches = _match(tracks, boxes)
        for number, track in enumerate(tracks):
            if number not in matches.values():  # no box of this frame continues it
                self._close([track], begin)
        self.open[label] = []
        for number, box in enumerate(boxes):
            track = tracks[matches[number]] if number in matches else Track(label, begin)
            track.frames.append(begin)
            track.boxes.extend(box.tolist())
            self.open[label].append(track)

    def _close(self, tracks: Sequence[Track], frame: int) -> None:
        for track in tracks:
            track.end = frame
            self.closed.append(track)

    def finish(self, end: int) -> list[Track]:
        """Close the open segments at frame `end`; return all by time, no two alike in class, start and end.

        The layout of LU-AVS identifies a segment by these three. Of two that are alike one is split in two; of a
        single frame that is impossible, so the second one is dropped.
        """
        for label in list(self.open):
            self._close(self.open.pop(label), end)
        unique: dict[tuple[int, int, int], Track] = {}
        queue = sorted(self.closed, key=lambda track: (-track.start, -track.label, -track.end))
        while queue:
            track = queue.pop()
            # the first of several that are alike keeps its frames, the others are split
            if unique.setdefault((track.start, track.label, track.end), track) is track:
                continue
            if track.end - track.start > 1:
                queue.extend(track.split((track.start + track.end) // 2))
        return list(map(unique.__getitem__, sorted(unique)))


def _match(tracks: Sequence[Track], boxes: np.ndarray) -> dict[int, int]:
    """Match boxes (k, 4) to the last boxes of tracks by the largest sum of IoUs; returns box number -> track number."""
    if not tracks:
        return {}
    if len(tracks) == len(boxes) == 1:
        return {0: 0}
    last = torch.tensor([list(track.boxes[-4:]) for track in tracks])
    overlaps = box_iou(last, torch.from_numpy(np.ascontiguousarray(boxes)))  # (tracks, k)
    rows, columns = linear_sum_assignment(overlaps.numpy(), maximize=True)
    return dict(zip(columns.tolist(), rows.tolist(), strict=True))
