"""The four spatio-temporal scores of LU-AVS (CVPR 2024), Tables 2 and 3; the exact definition is this project's.

Published are the names and one sentence: m_tIoU is the accuracy within the annotated time, m_vIoU over the union of
annotated and predicted time. docs/metrics_lu_avs.md says what is the paper's, what is ours, and why.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from avseg.metrics.f_score import BETA2
from avseg.metrics.long_video_arguments import (
    Flags,
    check_choices,
    check_inside,
    check_pair,
    flags,
    frame_numbers,
    segment_cuts,
)
from avseg.metrics.long_video_regions import Overlap, Regions, merge_flags, merge_regions, overlap_of
from avseg.metrics.long_video_units import SCORES, Pair, Scores, label_f, pairs_of, segment_counts, unit_scores
from avseg.metrics.span_metric import SpanMetric
from avseg.metrics.spans import (
    LABEL,
    NO_LABEL,
    ONE,
    PREDICTED,
    SOUNDING,
    Rows,
    frame_rows,
    join,
    no_frames,
    video_key,
)

Region = Literal["mask", "box", "none"]
Unit = Literal["video_class", "segment", "video"]
FalsePositives = Literal["zero", "ignore"]
PredictedRange = Literal["regions", "first_to_last"]
EmptyVideo = Literal["skip", "one"]
TIoU = Literal["gt_range", "temporal_iou"]
Segments = Sequence[tuple[int, int]]


class LongVideoScore(SpanMetric):
    """m_tIoU, m_vIoU, m_tF, m_vF of LU-AVS, and the true temporal IoU as m_tLoc.

    For a class in a video, G is the set of frames in which it sounds, P the set in which it is predicted, I = G & P,
    U = G | P. A frame of I scores J (IoU) and F of its regions, every other frame 0. Then tIoU = sum J / |G|,
    vIoU = sum J / |U|, tF = sum F / |G|, vF = sum F / |U|, tLoc = |I| / |U|; all are 0 where nothing sounds. The
    result is the mean over the units. For region "none", J = 1 on I, and the F-scores are F1 of labels over the cells
    (frame, class) of a video, then the mean over videos.

    Only spans of frames are kept, never regions. No chunk, order or number of processes changes a digit. Frames must
    not come twice for a class of a video: a sampler must not pad with copies.

    Args:
        region: "mask", "box" (no F: NaN) or "none" (only when, not where).
        unit: over what is averaged: "video_class", each class of each video; "segment", each annotated segment, and
            each predicted run that meets none; "video", the classes of a video, then the videos.
        fp_policy: a class, or run, that is predicted where it never sounds counts "zero" or is left out, "ignore".
        beta2: the weight of precision in F, beta squared (AVSBench's 0.3).
        drop_empty_gt: frames of a segment in which no region is annotated (the object is off-screen) do not count;
            False keeps those that `audible` names in G, with J = F = 0.
        gate_only_counts: frames that `gate` names are predicted even without a region.
        predicted_range: "regions", P is the frames with a region; "first_to_last", all evaluated frames between the
            first and the last of them (the paper's V-only).
        merge_classes: all regions of a frame are one, for methods without labels; give them by `update_classes`.
        empty_video: a video in which nothing sounds and nothing is predicted counts nothing, "skip", or "one".
        m_tIoU: what m_tIoU means, "gt_range" (as the paper's caption says) or "temporal_iou" (then it equals m_tLoc).
        auxiliary: also give m_tF1 = 2 |I| / (|G| + |P|), and vIoU@0.3 and vIoU@0.5, the share of units above.
        kwargs: see `torchmetrics.Metric`.

    Raises:
        UserError: an unknown choice, or beta2 that is not positive.

    Example:
        >>> import torch
        >>> metric = LongVideoScore(region="mask")
        >>> target = torch.zeros(4, 2, 2, dtype=torch.bool)
        >>> target[:2, 0] = True
        >>> predicted = torch.zeros(4, 2, 2, dtype=torch.bool)
        >>> predicted[1:3] = True
        >>> metric.update(video="a", label=3, frames=range(4), predicted=predicted, target=target)
        >>> {name: round(score.item(), 4) for name, score in metric.compute().items()}
        {'m_tIoU': 0.25, 'm_vIoU': 0.1667, 'm_tF': 0.2826, 'm_vF': 0.1884, 'm_tLoc': 0.3333}
    """

    def __init__(
        self,
        region: Region = "mask",
        unit: Unit = "video_class",
        fp_policy: FalsePositives = "zero",
        *,
        beta2: float = BETA2,
        drop_empty_gt: bool = True,
        gate_only_counts: bool = False,
        predicted_range: PredictedRange = "regions",
        merge_classes: bool = False,
        empty_video: EmptyVideo = "skip",
        m_tIoU: TIoU = "gt_range",
        auxiliary: bool = False,
        **kwargs: Any,
    ) -> None:
        check_choices(
            beta2,
            region=(region, Region),
            unit=(unit, Unit),
            fp_policy=(fp_policy, FalsePositives),
            predicted_range=(predicted_range, PredictedRange),
            empty_video=(empty_video, EmptyVideo),
            m_tIoU=(m_tIoU, TIoU),
        )
        kind = get_args(Region).index(region)
        super().__init__([kind, unit == "segment", beta2, drop_empty_gt, gate_only_counts, merge_classes], **kwargs)
        self.region, self.unit, self.fp_policy, self.beta2 = region, unit, fp_policy, beta2
        self.drop_empty_gt, self.gate_only_counts, self.merge_classes = drop_empty_gt, gate_only_counts, merge_classes
        self.predicted_range, self.empty_video, self.m_tIoU = predicted_range, empty_video, m_tIoU
        self.auxiliary = auxiliary

    def update(
        self,
        video: str,
        label: int | None = None,
        frames: Tensor | Sequence[int] = (),
        predicted: Regions | None = None,
        target: Regions | None = None,
        *,
        segments: Segments | None = None,
        audible: Tensor | None = None,
        gate: Tensor | None = None,
    ) -> None:
        """Adds any frames of one class of a video, in any order.

        `update("id")` declares a video, `update("id", frames=...)` frames in which no class sounds or is predicted.
        Runs (unit "segment", predicted_range "first_to_last") end at evaluated frames without a prediction, so there
        every evaluated frame must be given, for one class at least or without a class.

        Args:
            video: the id.
            label: the class, 0 and up; with `merge_classes` any number.
            frames: (n,) frame numbers, 0 and up; seconds or sampled frames, as long as one video has one numbering.
            predicted: masks (n, H, W) bool on any device; boxes, n times (k, 4) corners in pixels; activity (n,)
                bool for region "none". None: nothing is predicted.
            target: the same; the regions of all segments of the class together. None: nothing sounds.
            segments: for unit "segment" the annotated segments of this class in the whole video, half-open
                (start, end) in the numbering of `frames`; the same in every update. Equal ones count once.
            audible: (n,) bool, frames within a segment, whether or not a region is annotated.
            gate: (n,) bool, frames in which the class is heard, whether or not there is a region.

        Raises:
            ValueError: an argument that does not fit.
        """
        numbers = frame_numbers(frames)
        class_ = self._class(video, label, (predicted, target, segments, audible, gate))
        overlap = overlap_of(self.region, predicted, target, len(numbers), self.beta2)
        state = self._state(overlap, flags("audible", audible, len(numbers)), flags("gate", gate, len(numbers)))
        cuts = segment_cuts(segments)
        if self.unit == "segment":
            check_inside(numbers[state & SOUNDING > 0], cuts, class_)
        key, cell = video_key(video), np.searchsorted(np.unique(cuts), numbers, "right")
        rows = join(frame_rows(key, class_, numbers, state, cell, overlap.scores), {key: video})
        self._keep(rows if len(rows) else no_frames(key), np.insert(cuts, [0, 0], [key, class_], axis=1), [video])

    def update_classes(
        self,
        video: str,
        frames: Tensor | Sequence[int],
        predicted: Mapping[int, Regions],
        target: Mapping[int, Regions],
        *,
        segments: Mapping[int, Segments] | None = None,
        audible: Mapping[int, Tensor] | None = None,
        gate: Mapping[int, Tensor] | None = None,
    ) -> None:
        """Adds the same frames of all classes of a video: `update` by class, or once with all regions merged.

        Args:
            video: the id.
            frames: (n,) frame numbers.
            predicted: what `update` takes, by class; a class that is missing has no region in these frames.
            target: the same.
            segments: by class.
            audible: by class.
            gate: by class.

        Raises:
            ValueError: an argument that does not fit.
        """
        given: list[Mapping[int, Any]] = [predicted, target, segments or {}, audible or {}, gate or {}]
        labels = sorted(set().union(*given))
        if self.merge_classes:
            q, r = (merge_regions(self.region, list(each.values())) for each in given[:2])
            heard, on = (
                merge_flags(name, list(each.values()))
                for name, each in zip(("audible", "gate"), given[3:], strict=True)
            )
            together = [segment for each in given[2].values() for segment in each]
            self.update(video, 0, frames, q, r, segments=together, audible=heard, gate=on)
        elif not labels:
            self.update(video, frames=frames)
        else:
            for label in labels:
                q, r, cuts, heard, on = (each.get(label) for each in given)
                self.update(video, label, frames, q, r, segments=cuts, audible=heard, gate=on)

    def compute(self) -> dict[str, Tensor]:
        """The means over the units, float32 scalars in [0, 1]; NaN without a unit."""
        videos = self._videos()
        means = np.array([mean for _, mean in videos.values()]).reshape(-1, len(SCORES))
        units = means if self.unit == "video" else np.concatenate([means[:0], *(each for each, _ in videos.values())])
        result = _mean(units)
        if self.region == "none":
            result[2:4] = _mean(means)[2:4]
        scores = self._named(result).items()
        return {name: torch.tensor(score, dtype=torch.float32, device=self.device) for name, score in scores}

    def per_video(self) -> dict[str, dict[str, float]]:
        """The mean over each video's units, by id. With several processes all of them must call it."""
        with self.sync_context():
            return {video: self._named(mean) for video, (_, mean) in sorted(self._videos().items())}

    def _class(self, video: str, label: int | None, given: Sequence[object]) -> int:
        check_pair(video, label, any(each is not None for each in given))
        if self.region == "none" and any(each is not None for each in given[3:]):
            raise ValueError("audible and gate are for masks and boxes; for region 'none' the activity is all there is")
        if label is None:
            return NO_LABEL
        return 0 if self.merge_classes else int(label)

    def _state(self, overlap: Overlap, audible: Flags, gate: Flags) -> Rows:
        """Whether each frame is in G and in P, as bits (n,)."""
        target, predicted = overlap.target, overlap.predicted
        off_screen = audible & ~target & self.drop_empty_gt
        if not self.drop_empty_gt:
            target = target | audible
        if self.gate_only_counts:
            predicted = predicted | (gate & ~off_screen)
        return SOUNDING * target.astype(np.int64) + PREDICTED * predicted.astype(np.int64)

    def _videos(self) -> dict[str, tuple[Scores, Scores]]:
        """The scores of each video's units, (units, len(SCORES)), and their mean, by id; videos without a unit not."""
        scored = {video: self._units(video, rows, segments) for video, rows, segments in self._by_video()}
        return {video: units for video, units in scored.items() if len(units[0])}

    def _units(self, video: str, rows: Rows, segments: Rows) -> tuple[Scores, Scores]:
        pairs = pairs_of(video, rows, fill=self.predicted_range == "first_to_last")
        nothing = not any(len(pair.sounding) + len(pair.run_first) for pair in pairs)
        if self.fp_policy == "ignore":
            pairs = [pair for pair in pairs if len(pair.sounding)]
        counts = np.array([unit for pair in pairs for unit in self._counts(pair, segments)]).reshape(-1, 5)
        if self.region == "none":  # also where a hole was filled
            counts[:, 3:] = ONE * counts[:, 2:3]
        units = unit_scores(counts, self.fp_policy == "ignore")
        if nothing and self.empty_video == "one":
            units = np.ones((1, len(SCORES)))
        if self.region == "box":
            units[:, 2:4] = np.nan
        if self.m_tIoU == "temporal_iou":
            units[:, 0] = units[:, 4]
        mean = _mean(units)
        if self.region == "none" and pairs and not nothing:
            mean[2:4] = label_f(pairs)
        return units, mean

    def _counts(self, pair: Pair, segments: Rows) -> list[list[int]]:
        if self.unit != "segment":
            return [pair.whole()]
        return segment_counts(pair, segments[segments[:, LABEL] == pair.label, 2:])

    def _named(self, scores: Scores) -> dict[str, float]:
        names = SCORES if self.auxiliary else SCORES[:5]
        return dict(zip(names, scores.tolist(), strict=False))


def _mean(scores: Scores) -> Scores:
    return scores.mean(0) if len(scores) else np.full(len(SCORES), np.nan)
