"""What is predicted in one scored frame, and how it holds until the next one: audible segments."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torchvision.ops import box_iou

from avseg.data.lu_avs import Chunk
from avseg.data.lu_avs.ground_truth import boxes_around
from avseg.models.lu_avs.aggregation import Prediction

_UNSEEN = np.full((1, 4), np.nan, np.float32)


@dataclass(frozen=True, eq=False)
class Sample:
    """One scored frame of a video.

    Attributes:
        index: its number.
        begin: from which frame on it holds, until the next one's: its own, or 0 for the first scored frame.
        time: when it is shown, in seconds.
        boxes: by predicted class (k, 4) float32, k >= 1: the regions, the boxes around the masks, or one row of NaN
            for what is heard without being looked for.
        masks: by class (H, W) bool, none empty.
        scores: by class, of its best region.
        heard: the classes of which the sound tells, seen or not.
    """

    index: int
    begin: int
    time: float
    boxes: dict[int, np.ndarray]
    masks: dict[int, np.ndarray] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)
    heard: frozenset[int] = frozenset()


def samples(predictions: Iterator[tuple[Chunk, Prediction]], region: str) -> Iterator[Sample]:
    """Takes chunks apart.

    Args:
        predictions: chunks with what is predicted in them.
        region: "mask", "box" or "none".
    """
    first = True
    for chunk, said in predictions:
        for place, (index, time) in enumerate(zip(chunk.index.tolist(), chunk.seconds.tolist(), strict=True)):
            heard = frozenset(label for label, flags in said.sounding.items() if flags[place])
            masks = {label: found[place].cpu().numpy() for label, found in said.masks.items() if found[place].any()}
            if region == "mask":
                boxes = {label: boxes_around(mask[None]) for label, mask in masks.items()}
            elif region == "box":
                boxes = {label: found[place].cpu().numpy() for label, found in said.boxes.items() if len(found[place])}
            else:
                boxes = dict.fromkeys(heard, _UNSEEN)
            scores = {label: float(found[place]) for label, found in said.scores.items() if label in boxes}
            yield Sample(index, 0 if first else index, time, boxes, masks, scores, heard)
            first = False


@dataclass
class Track:
    """An audible segment: one region of a class from frame `start` up to, not including, `end`.

    Attributes:
        label: the class.
        start: first frame.
        end: the frame after the last; 0 while it goes on.
        frames: (n,) the scored frames in it.
        boxes: (n * 4,) left, top, right, bottom in each of them.
    """

    label: int
    start: int
    end: int = 0
    frames: "array[int]" = field(default_factory=lambda: array("q"))
    boxes: "array[float]" = field(default_factory=lambda: array("f"))

    def rows(self) -> np.ndarray:
        """(end - start, 4) float32: the box in every frame, held from each scored one to the next."""
        held = np.diff([*self.frames, self.end])
        return np.repeat(np.array(self.boxes, np.float32).reshape(-1, 4), held, axis=0)

    def parted(self, frame: int) -> tuple["Track", "Track"]:
        """The same as two segments, the second from `frame` on."""
        place = sum(number < frame for number in self.frames)
        first = Track(self.label, self.start, frame, self.frames[:place], self.boxes[: 4 * place])
        last = array("q", [frame, *(number for number in self.frames[place:] if number > frame)])
        rest = self.boxes[4 * (place if frame in self.frames else place - 1) :]
        return first, Track(self.label, frame, self.end, last, rest)


class Tracks:
    """Joins scored frames to segments, one for each region of a class: two dogs are two segments.

    Which box of a frame goes on with which of the frame before is decided by their overlap (Hungarian); while as many
    are seen, none ends, for at a few frames per second things move farther than they are wide.
    """

    def __init__(self) -> None:
        self.open: dict[int, list[Track]] = {}
        self.done: list[Track] = []

    def update(self, sample: Sample) -> None:
        """Adds the next scored frame."""
        for label in [*self.open]:
            if label not in sample.boxes:
                self._end(self.open.pop(label), sample.begin)
        for label, boxes in sample.boxes.items():
            self._go_on(label, boxes, sample.begin)

    def _go_on(self, label: int, boxes: np.ndarray, begin: int) -> None:
        before = self.open.get(label, [])
        pairs = _pairs([track.boxes[-4:] for track in before], boxes)
        kept = {place: before[number] for number, place in pairs}
        self._end([track for track in before if not any(track is other for other in kept.values())], begin)
        self.open[label] = [kept.get(place) or Track(label, begin) for place in range(len(boxes))]
        for track, box in zip(self.open[label], boxes, strict=True):
            track.frames.append(begin)
            track.boxes.extend(box.tolist())

    def _end(self, tracks: list[Track], frame: int) -> None:
        for track in tracks:
            track.end = frame
            self.done.append(track)

    def finish(self, end: int) -> list[Track]:
        """Ends what goes on at frame `end`; all segments by time, no two alike in class, start and end.

        The layout of LU-AVS names a segment by these three. Of two that are alike one is parted in two; of a single
        frame that cannot be, so it is left out.
        """
        for label in [*self.open]:
            self._end(self.open.pop(label), end)
        found: dict[tuple[int, int, int], Track] = {}
        waiting = sorted(self.done, key=lambda track: (-track.start, -track.label, -track.end))
        while waiting:
            track = waiting.pop()
            if found.setdefault((track.start, track.label, track.end), track) is track:
                continue
            if track.end - track.start > 1:  # a single frame cannot be parted
                waiting.extend(track.parted((track.start + track.end) // 2))
        return [found[key] for key in sorted(found)]


def _pairs(before: list["array[float]"], boxes: np.ndarray) -> list[tuple[int, int]]:
    """Which earlier box each box goes on from, by the largest sum of overlaps."""
    if not before:
        return []
    if len(before) == len(boxes) == 1:
        return [(0, 0)]
    overlaps = box_iou(torch.tensor([list(box) for box in before]), torch.from_numpy(np.ascontiguousarray(boxes)))
    return [(int(a), int(b)) for a, b in zip(*linear_sum_assignment(overlaps.numpy(), maximize=True), strict=True)]
