"""Review queue: segments ranked by how much they need review, and the frame to correct first in each."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from avseg.annotate.quality.scores import BAD, SegmentQuality, longest_bad_run, segment_quality


@dataclass(frozen=True)
class ReviewItem:
    """A segment in the queue."""

    segment_id: int
    quality: SegmentQuality  # of its frames that nobody has accepted
    severity: float  # 0 to 1; the queue is sorted by it
    frame: int  # the frame to correct first
    frames: int  # number of other frames that a correction propagates to: up to the nearest accepted ones
    bad: int  # number of bad frames among these


def rank_worst_first(
    scores: Mapping[int, Mapping[int, float]],  # by segment id, then by frame
    accepted: Mapping[int, Collection[int]] | None = None,  # reviewed frames by segment id
) -> list[ReviewItem]:
    """Rank segments by the scores of their frames, the worst first, leaving out those with only accepted frames."""
    items = []
    for segment_id, frame_scores in scores.items():
        reviewed = set((accepted or {}).get(segment_id, ()))
        open_frames = sorted(set(frame_scores) - reviewed)
        open_scores = {frame: frame_scores[frame] for frame in open_frames}
        if open_scores:
            items.append(_make_item(segment_id, open_scores, reviewed))
    return sorted(items, key=lambda item: -item.severity)


def compute_severity(scores: Collection[float]) -> float:
    """Compute how much a segment needs review, 0 to 1.

    One half is the 10th percentile, which a single bad frame does not move; the longest bad run and the worst frame
    make a quarter each.
    """
    quality = segment_quality(list(scores))
    run = quality.longest_bad_run / max(len(scores), 1)
    return 0.5 * (1 - quality.p10) + 0.25 * run + 0.25 * (1 - quality.minimum)


def _make_item(segment_id: int, scores: Mapping[int, float], accepted: Collection[int]) -> ReviewItem:
    frames = list(scores)
    values = np.array(list(scores.values()))
    start, end = longest_bad_run(list(values))
    if start == end:
        start, end = 0, len(values)
    # the worst frame of the longest bad run: propagation from it covers the run in both directions
    worst = frames[start + int(values[start:end].argmin())]
    barriers = np.array(sorted(accepted))
    index = int(np.searchsorted(barriers, worst))  # an accepted frame is never the worst one
    low = barriers[index - 1] if index > 0 else frames[0] - 1
    high = barriers[index] if index < len(barriers) else frames[-1] + 1
    affected = [frame for frame in frames if low < frame < high]
    bad = np.count_nonzero(np.array([scores[frame] for frame in affected]) < BAD)
    quality, severity = segment_quality(list(values)), compute_severity(list(values))
    return ReviewItem(segment_id, quality, severity, frame=worst, frames=len(affected) - 1, bad=int(bad))
