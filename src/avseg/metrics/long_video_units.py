"""From the spans of one video to its units, classes or single segments, and their scores (LU-AVS; our definition)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from avseg.metrics.spans import (
    FIRST,
    IOU,
    LABEL,
    LAST,
    NO_LABEL,
    ONE,
    PREDICTED,
    SOUNDING,
    STATE,
    F,
    Rows,
    all_frames,
    frames_within,
    lengths,
)

Scores = NDArray[np.float64]
SCORES = ("m_tIoU", "m_vIoU", "m_tF", "m_vF", "m_tLoc", "m_tF1", "vIoU@0.3", "vIoU@0.5")


class Pair(NamedTuple):
    """One class in one video: the spans in which it sounds, and the runs in which it is predicted.

    A run is a longest stretch of predicted frames among the video's evaluated frames.
    """

    video: str
    label: int
    sounding: Rows
    run_first: Rows
    run_last: Rows
    run_lengths: Rows
    run_of: Rows
    """(spans,), the run that holds each sounding span, -1 for none."""

    def counts(self, spans: NDArray[np.bool_], runs: NDArray[np.bool_]) -> list[int]:
        """|G|, |P|, |I| and the sums of J and F over I, for the unit of these sounding spans and predicted runs."""
        # the appended False answers for -1
        both = spans & np.append(runs, False)[self.run_of]
        n, sums = lengths(self.sounding), self.sounding[both][:, [IOU, F]].sum(0)
        return [n[spans].sum(), self.run_lengths[runs].sum(), n[both].sum(), *sums]

    def whole(self) -> list[int]:
        """The counts of the class as one unit."""
        return self.counts(np.ones(len(self.sounding), np.bool_), np.ones(len(self.run_first), np.bool_))


def pairs_of(video: str, rows: Rows, fill: bool) -> list[Pair]:
    """The classes of one video.

    Args:
        video: the id, for messages.
        rows: the video's spans, joined and in order.
        fill: one run from the first to the last predicted frame, holes included.
    """
    grid, labels = all_frames(rows), np.unique(rows[:, LABEL])
    return [_pair(video, rows[rows[:, LABEL] == label], grid, fill) for label in labels if label != NO_LABEL]


def _pair(video: str, rows: Rows, grid: Rows, fill: bool) -> Pair:
    sounding, found = (rows[rows[:, STATE] & state > 0] for state in (SOUNDING, PREDICTED))
    begins = np.ones(len(found), np.bool_)
    # neighbours on the grid: only the one's last frame and the other's first
    begins[1:] = False if fill else frames_within(grid, found[:-1, LAST], found[1:, FIRST]) > 2
    starts = np.flatnonzero(begins)
    first, last = found[starts, FIRST], found[np.append(starts[1:], len(found))[: len(starts)] - 1, LAST]
    run_of = np.searchsorted(first, sounding[:, FIRST], "right") - 1
    run_of[np.append(last, -1)[run_of] < sounding[:, FIRST]] = -1
    return Pair(video, int(rows[0, LABEL]), sounding, first, last, frames_within(grid, first, last), run_of)


def segment_counts(pair: Pair, segments: Rows) -> list[list[int]]:
    """The counts of each annotated segment, then of each predicted run that meets none.

    A run belongs to the segment with which it shares most sounding frames, to the earlier one when several do.

    Args:
        pair: a class in a video.
        segments: (k, 2), half-open, in order.

    Raises:
        ValueError: a span crosses the boundary of a segment, because the segments of some update lacked it.
    """
    first, last, n = pair.sounding[:, FIRST], pair.sounding[:, LAST], lengths(pair.sounding)
    crossed = (first[:, None, None] < segments) & (segments <= last[:, None, None])
    if crossed.any():
        raise ValueError(f"segments of class {pair.label} in video '{pair.video}' must be the same in every update")
    inside = (segments[:, :1] <= first) & (first < segments[:, 1:])
    runs = np.arange(len(pair.run_first))
    shared = ((pair.run_of == runs[:, None]) * n) @ inside.T.astype(np.int64)
    owner = np.pad(shared, ((0, 0), (1, 0))).argmax(1) - 1
    nothing = np.zeros(len(first), np.bool_)
    return [
        *(pair.counts(inside[segment], owner == segment) for segment in range(len(segments))),
        *(pair.counts(nothing, runs == run) for run in runs[owner < 0]),
    ]


def unit_scores(counts: Rows, ignore_false: bool) -> Scores:
    """The scores of each unit that has frames, (units, len(SCORES)).

    Args:
        counts: (units, 5), |G|, |P|, |I|, sum of J, sum of F.
        ignore_false: leave out the units that never sound.
    """
    counts = counts[(counts[:, 0] > 0) | ((counts[:, 1] > 0) & (not ignore_false))]
    target, predicted, both, iou, f = counts.astype(np.float64).T
    iou, f, union = iou / ONE, f / ONE, target + predicted - both
    t_iou, t_f = (np.divide(part, target, out=np.zeros_like(target), where=target > 0) for part in (iou, f))
    v_iou = iou / union
    # the sums are rounded: 3 / 10 is not above 0.3
    above = [v_iou > threshold + 1e-9 for threshold in (0.3, 0.5)]
    return np.stack([t_iou, v_iou, t_f, f / union, both / union, 2 * both / (target + predicted), *above], axis=1)


def label_f(pairs: Sequence[Pair]) -> tuple[float, float]:
    """F1 of labels over the cells (frame, class) of one video, for methods that only hear.

    2 TP / (2 TP + FP + FN), first over the frames in which anything sounds, then also over those in which anything
    is predicted; 0 without a cell.
    """
    anything = all_frames(np.concatenate([pair.sounding for pair in pairs]))
    target, predicted, both = np.array([pair.whole()[:3] for pair in pairs]).sum(0)
    within = sum(frames_within(anything, pair.run_first, pair.run_last).sum() for pair in pairs)
    t_cells, v_cells = target + within, target + predicted
    return 2 * both / t_cells if t_cells else 0.0, 2 * both / v_cells if v_cells else 0.0
