"""Units of one video (classes or single segments) from its spans, and their scores (LU-AVS; our definition)."""

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


class Pair(NamedTuple):
    """One class in one video: the spans in which it sounds, and the runs in which it is predicted.

    A run is a maximal sequence of predicted frames among the video's evaluated frames. `run_of` (spans,) is the run
    that contains each sounding span, -1 for none.
    """

    video: str
    label: int
    sounding: Rows
    run_first: Rows
    run_last: Rows
    run_lengths: Rows
    run_of: Rows

    def counts(self, spans: NDArray[np.bool_], runs: NDArray[np.bool_]) -> list[int]:
        """Sum |G|, |P|, |I|, and J and F over I, for the unit of these sounding spans and predicted runs."""
        # the appended False is what index -1 reads
        overlap = spans & np.append(runs, False)[self.run_of]
        n = lengths(self.sounding)
        sums = self.sounding[overlap][:, [IOU, F]].sum(0)
        return [n[spans].sum(), self.run_lengths[runs].sum(), n[overlap].sum(), *sums]

    def total(self) -> list[int]:
        """Return the counts of the class as one unit."""
        return self.counts(np.ones(len(self.sounding), np.bool_), np.ones(len(self.run_first), np.bool_))


def pairs_of(video: str, rows: Rows, fill: bool) -> list[Pair]:
    """Split the spans of one video, joined and in order, into its classes.

    `fill` makes one run from the first to the last predicted frame of a class, holes included.
    """
    grid = all_frames(rows)
    labels = np.unique(rows[:, LABEL])
    # frames without a class only extend the grid
    return [_pair(video, rows[rows[:, LABEL] == label], grid, fill) for label in labels if label != NO_LABEL]


def _pair(video: str, rows: Rows, grid: Rows, fill: bool) -> Pair:
    sounding = rows[rows[:, STATE] & SOUNDING > 0]
    predicted = rows[rows[:, STATE] & PREDICTED > 0]
    starts_run = np.ones(len(predicted), np.bool_)
    # two spans are neighbours if the grid has only the last frame of one and the first of the next between them
    starts_run[1:] = False if fill else frames_within(grid, predicted[:-1, LAST], predicted[1:, FIRST]) > 2
    starts = np.flatnonzero(starts_run)
    ends = np.append(starts[1:], len(predicted))[: len(starts)] - 1
    first = predicted[starts, FIRST]
    last = predicted[ends, LAST]
    # the last run that starts at or before the span; none if that run ends before it
    run_of = np.searchsorted(first, sounding[:, FIRST], "right") - 1
    run_of[np.append(last, -1)[run_of] < sounding[:, FIRST]] = -1
    return Pair(video, int(rows[0, LABEL]), sounding, first, last, frames_within(grid, first, last), run_of)


def segment_counts(pair: Pair, segments: Rows) -> list[list[int]]:
    """Compute the counts of each annotated segment (k, 2), then of each predicted run that overlaps none.

    A run belongs to the segment with which it shares most sounding frames, to the earlier one of equals.

    Raises:
        ValueError: a span crosses the boundary of a segment, because the segments of some update lacked it.
    """
    first = pair.sounding[:, FIRST]
    last = pair.sounding[:, LAST]
    # (spans, segments, start and end)
    crossed = (first[:, None, None] < segments) & (segments <= last[:, None, None])
    if crossed.any():
        raise ValueError(f"segments of class {pair.label} in video '{pair.video}' must be the same in every update")
    inside = (segments[:, :1] <= first) & (first < segments[:, 1:])  # (segments, spans)
    runs = np.arange(len(pair.run_first))
    shared = ((pair.run_of == runs[:, None]) * lengths(pair.sounding)) @ inside.T.astype(np.int64)  # (runs, segments)
    # a column of zeros in front wins where a run shares no frame: owner -1
    owner = np.pad(shared, ((0, 0), (1, 0))).argmax(1) - 1
    units: list[list[int]] = []
    for segment, segment_spans in enumerate(inside):
        units.append(pair.counts(segment_spans, owner == segment))
    no_spans = np.zeros(len(first), np.bool_)
    for run in runs[owner < 0]:
        units.append(pair.counts(no_spans, runs == run))
    return units


def unit_scores(counts: Rows, ignore_false: bool) -> Scores:
    """Compute the scores of each unit that has frames, (units, len(LONG_VIDEO_SCORES)), from its counts (units, 5).

    The counts are |G|, |P|, |I|, sum of J, sum of F; `ignore_false` leaves out the units that never sound.
    """
    # units without frames do not exist; those that never sound are false positives
    counts = counts[(counts[:, 0] > 0) | ((counts[:, 1] > 0) & (not ignore_false))]
    target, predicted, overlap, iou, f = counts.astype(np.float64).T
    iou, f = iou / ONE, f / ONE
    union = target + predicted - overlap
    t_iou = np.divide(iou, target, out=np.zeros_like(target), where=target > 0)
    t_f = np.divide(f, target, out=np.zeros_like(target), where=target > 0)
    v_iou = iou / union
    t_f1 = 2 * overlap / (target + predicted)
    # the sums are rounded: 3 / 10 is not above 0.3
    above_03 = v_iou > 0.3 + 1e-9
    above_05 = v_iou > 0.5 + 1e-9
    return np.stack([t_iou, v_iou, t_f, f / union, overlap / union, t_f1, above_03, above_05], axis=1)


def label_f(pairs: Sequence[Pair]) -> tuple[float, float]:
    """Compute the F1 of labels over the cells (frame, class) of one video, for methods that only use the sound.

    2 TP / (2 TP + FP + FN), first over the frames in which any class sounds, then also over those in which any class
    is predicted; 0 without a cell.
    """
    sounding_frames = all_frames(np.concatenate([pair.sounding for pair in pairs]))
    target, predicted, overlap = np.array([pair.total()[:3] for pair in pairs]).sum(0)
    # predicted cells in frames in which any class sounds
    within = sum(frames_within(sounding_frames, pair.run_first, pair.run_last).sum() for pair in pairs)
    t_cells = target + within
    v_cells = target + predicted
    return 2 * overlap / t_cells if t_cells else 0.0, 2 * overlap / v_cells if v_cells else 0.0
