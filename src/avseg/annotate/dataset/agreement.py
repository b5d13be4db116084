"""Agreement of two annotators on a video: tIoU of when an object sounds, IoU of its masks, and where to look again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from avseg.annotate.document.document import Document
from avseg.annotate.document.models import Object
from avseg.annotate.export.source import REJECTED
from avseg.annotate.quality.scores import iou

THIRD_LOOK = 0.7  # below it the annotators differ


@dataclass(frozen=True)
class SegmentAgreement:
    """Agreement on one audible segment of an object, as the first annotator marked it or, without one, the second."""

    video: str
    label: str
    first: str  # name of the object by the first annotator, "" if only the second has it
    second: str
    start: int  # frames [start, end)
    end: int
    tiou: float  # of the frames of this segment and those of the other annotator that overlap it
    iou: float | None  # mean over the frames where both have a mask; None without one
    worst: int | None  # the frame where the masks differ most

    @property
    def third_look(self) -> bool:
        """True if a third person should decide."""
        return self.tiou < THIRD_LOOK or (self.iou is not None and self.iou < THIRD_LOOK)


def agreement(video: str, first: Document, second: Document) -> list[SegmentAgreement]:
    """Compare two annotations of a video, segment by segment.

    Objects of one label are matched so that the frames in which both sound are as many as possible.
    """
    rows: list[SegmentAgreement] = []
    matched: set[int] = set()
    pairs = _match(first, second)
    for item in first.objects.values():
        partner = pairs.get(item.id)
        if partner is not None:
            matched.add(partner.id)
        rows += _compare(video, first, second, item, partner)
    for item in second.objects.values():
        partners = [first.objects[first_id] for first_id, match in pairs.items() if match.id == item.id]
        rows += _only_second(video, first, second, item, partners[0] if partners else None)
    return rows


def _match(first: Document, second: Document) -> dict[int, Object]:
    """Pair the objects of each label by the share of common frames."""
    pairs: dict[int, Object] = {}
    for label in sorted({item.label for item in first.objects.values()}):
        mine = [item for item in first.objects.values() if item.label == label]
        theirs = [item for item in second.objects.values() if item.label == label]
        if not theirs:
            continue
        overlaps = np.zeros((len(mine), len(theirs)))
        for row, item in enumerate(mine):
            for column, partner in enumerate(theirs):
                overlaps[row, column] = _tiou(_frames(first, item.id), _frames(second, partner.id))
        rows, columns = linear_sum_assignment(-overlaps)
        for row, column in zip(rows, columns, strict=True):
            if overlaps[row, column] > 0:
                pairs[mine[row].id] = theirs[column]
    return pairs


def _compare(
    video: str, first: Document, second: Document, item: Object, partner: Object | None
) -> list[SegmentAgreement]:
    rows = []
    for start, end in _spans(first, item.id):
        frames = set(range(start, end))
        second_frames: set[int] = set()
        for low, high in _spans(second, partner.id) if partner is not None else ():
            if low < end and start < high:
                second_frames |= set(range(low, high))
        overlaps: dict[int, float] = {}
        for frame in sorted(frames & second_frames):
            assert partner is not None
            mine, theirs = first.mask(item.id, frame), second.mask(partner.id, frame)
            if mine is not None and theirs is not None and mine.shape == theirs.shape:
                overlaps[frame] = iou(mine, theirs)
        mean = float(np.mean(list(overlaps.values()))) if overlaps else None
        worst = min(overlaps, key=overlaps.__getitem__) if overlaps else None
        name = partner.name if partner is not None else ""
        row = SegmentAgreement(
            video, item.label, item.name, name, start, end, _tiou(frames, second_frames), mean, worst
        )
        rows.append(row)
    return rows


def _only_second(
    video: str, first: Document, second: Document, item: Object, partner: Object | None
) -> list[SegmentAgreement]:
    """List the segments of the second annotator that overlap no segment of the first."""
    first_frames = _frames(first, partner.id) if partner is not None else set()
    rows = []
    for start, end in _spans(second, item.id):
        if not first_frames & set(range(start, end)):
            name = partner.name if partner is not None else ""
            rows.append(SegmentAgreement(video, item.label, name, item.name, start, end, 0.0, None, None))
    return rows


def _spans(document: Document, object_id: int) -> Sequence[tuple[int, int]]:
    segments = [segment for segment in document.segments_of(object_id) if segment.status != REJECTED]
    return [(segment.start, segment.end) for segment in segments]


def _frames(document: Document, object_id: int) -> set[int]:
    frames: set[int] = set()
    for start, end in _spans(document, object_id):
        frames |= set(range(start, end))
    return frames


def _tiou(first: set[int], second: set[int]) -> float:
    union = len(first | second)
    return len(first & second) / union if union else 1.0
