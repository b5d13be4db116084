"""The four spatio-temporal scores of LU-AVS (CVPR 2024), Tables 2 and 3; the exact definition is this project's.

The paper publishes the names and one sentence: m_tIoU is the accuracy within the annotated time, m_vIoU over the union
of annotated and predicted time. docs/metrics_lu_avs.md separates the paper's part from ours, with reasons.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from avseg.metrics.f_score import BETA2
from avseg.metrics.long_video_arguments import (
    Flags,
    check_inside,
    check_pair,
    frame_flags,
    frame_numbers,
    segment_cuts,
)
from avseg.metrics.long_video_regions import Overlap, Regions, merge_flags, merge_regions, overlap_of
from avseg.metrics.long_video_units import Pair, Scores, label_f, pairs_of, segment_counts, unit_scores
from avseg.metrics.registry import LONG_VIDEO_SCORES
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
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

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

    Only spans of frames are kept, never regions. The result does not depend on chunks, order or number of processes.
    Frames must not come twice for a class of a video: a sampler must not pad with copies.

    Args:
        unit: unit of the mean: "video_class", each class of each video; "segment", each annotated segment, and each
            predicted run that overlaps none; "video", the classes of a video, then the videos.
        fp_policy: a class, or run, that is predicted where it never sounds scores "zero" or is left out, "ignore".
        drop_empty_gt: frames of a segment in which no region is annotated (the object is off-screen) do not count;
            False keeps those in `audible` in G, with J = F = 0.
        predicted_range: "regions", P is the frames with a region; "first_to_last", all evaluated frames between the
            first and the last of them (the paper's V-only).
        merge_classes: all regions of a frame are one, for methods without labels; pass them to `update_classes`.
        empty_video: a video in which no class sounds or is predicted is left out, "skip", or scores "one".
        m_tIoU: meaning of m_tIoU, "gt_range" (the paper's caption) or "temporal_iou" (then it equals m_tLoc).
        auxiliary: also compute m_tF1 = 2 |I| / (|G| + |P|), and vIoU@0.3 and vIoU@0.5, the share of units above.

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
        region: Region = "mask",  # "mask", "box" (F is NaN) or "none" (only when, not where)
        unit: Unit = "video_class",
        fp_policy: FalsePositives = "zero",
        *,
        beta2: float = BETA2,  # the weight of precision in F, beta squared (AVSBench's 0.3)
        drop_empty_gt: bool = True,
        gate_only_counts: bool = False,  # frames in `gate` are predicted even without a region
        predicted_range: PredictedRange = "regions",
        merge_classes: bool = False,
        empty_video: EmptyVideo = "skip",
        m_tIoU: TIoU = "gt_range",
        auxiliary: bool = False,
        **kwargs: Any,
    ) -> None:
        check_choice("LongVideoScore: region", region, get_args(Region))
        check_choice("LongVideoScore: unit", unit, get_args(Unit))
        check_choice("LongVideoScore: fp_policy", fp_policy, get_args(FalsePositives))
        check_choice("LongVideoScore: predicted_range", predicted_range, get_args(PredictedRange))
        check_choice("LongVideoScore: empty_video", empty_video, get_args(EmptyVideo))
        check_choice("LongVideoScore: m_tIoU", m_tIoU, get_args(TIoU))
        if not 0 < beta2 < float("inf"):
            raise UserError(f"LongVideoScore: beta2 {beta2} must be a positive number")
        # metrics that make the same rows share one table in a collection
        region_id = get_args(Region).index(region)
        row_settings = [region_id, unit == "segment", beta2, drop_empty_gt, gate_only_counts, merge_classes]
        super().__init__(row_settings, **kwargs)
        self.region = region
        self.unit = unit
        self.fp_policy = fp_policy
        self.beta2 = beta2
        self.drop_empty_gt = drop_empty_gt
        self.gate_only_counts = gate_only_counts
        self.predicted_range = predicted_range
        self.merge_classes = merge_classes
        self.empty_video = empty_video
        self.m_tIoU = m_tIoU
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
        """Add frames of one class of a video, in any order.

        `update("id")` declares a video, `update("id", frames=...)` frames in which no class sounds or is predicted.
        Runs (unit "segment", predicted_range "first_to_last") end at evaluated frames without a prediction, so these
        need every evaluated frame, for one class at least or without a class.

        Args:
            video: the id.
            label: the class, 0 and up; with `merge_classes` any number.
            frames: (n,) frame numbers, 0 and up; seconds or sampled frames, as long as one video has one numbering.
            predicted: masks (n, H, W) bool on any device; boxes, n times (k, 4) corners in pixels; activity (n,)
                bool for region "none". None: no prediction.
            target: the same; the regions of all segments of the class together. None: no sound.
            segments: for unit "segment" the annotated segments of this class in the whole video, half-open
                (start, end) in the numbering of `frames`; the same in every update. Equal ones count once.
            audible: (n,) bool, frames within a segment, whether or not a region is annotated.
            gate: (n,) bool, frames in which the class was detected in the sound, whether or not there is a region.

        Raises:
            ValueError: an argument that does not fit.
        """
        numbers = frame_numbers(frames)  # (n,)
        has_regions = predicted is not None or target is not None or segments is not None
        class_id = self._class(video, label, has_regions, audible is not None or gate is not None)
        overlap = overlap_of(self.region, predicted, target, len(numbers), self.beta2)
        audible_flags = frame_flags("audible", audible, len(numbers))
        state = self._state(overlap, audible_flags, frame_flags("gate", gate, len(numbers)))
        cuts = segment_cuts(segments)  # (k, 2)
        if self.unit == "segment":
            check_inside(numbers[state & SOUNDING > 0], cuts, class_id)
        key = video_key(video)
        # spans of one state are not joined across the boundary of a segment
        cell = np.searchsorted(np.unique(cuts), numbers, "right")
        rows = join(frame_rows(key, class_id, numbers, state, cell, overlap.scores), {key: video})
        self._keep(rows if len(rows) else no_frames(key), np.insert(cuts, [0, 0], [key, class_id], axis=1), [video])

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
        """Add the same frames of all classes of a video: `update` by class, or once with all regions merged.

        The arguments are those of `update`, by class; a class that is missing has no region in these frames.

        Raises:
            ValueError: an argument that does not fit.
        """
        segments, audible, gate = segments or {}, audible or {}, gate or {}
        by_class: dict[str, Mapping[int, Any]] = {
            "predicted": predicted,
            "target": target,
            "segments": segments,
            "audible": audible,
            "gate": gate,
        }
        labels = sorted(set().union(*by_class.values()))
        if self.merge_classes:
            # the method has no labels: compare the union of all classes
            labels = [0]
            by_class = {
                "predicted": {0: merge_regions(self.region, list(predicted.values()))},
                "target": {0: merge_regions(self.region, list(target.values()))},
                "segments": {0: list(chain.from_iterable(segments.values()))},
                "audible": {0: merge_flags("audible", list(audible.values()))},
                "gate": {0: merge_flags("gate", list(gate.values()))},
            }
        if not labels:
            self.update(video, frames=frames)
        for label in labels:
            self.update(video, label, frames, **{name: values.get(label) for name, values in by_class.items()})

    def compute(self) -> dict[str, Tensor]:
        """Compute the means over the units, float32 scalars in [0, 1]; NaN without a unit."""
        videos = self._videos()
        # (videos, scores): over the units of each video; (units, scores): of all videos
        video_means = np.array([mean for _, mean in videos.values()]).reshape(-1, len(LONG_VIDEO_SCORES))
        units = np.concatenate([video_means[:0], *(video_units for video_units, _ in videos.values())])
        result = _mean(video_means if self.unit == "video" else units)
        if self.region == "none":
            # F1 of labels has no units, only videos
            result[2:4] = _mean(video_means)[2:4]
        scores = self._named(result).items()
        return {name: torch.tensor(score, dtype=torch.float32, device=self.device) for name, score in scores}

    def per_video(self) -> dict[str, dict[str, float]]:
        """Compute the mean over each video's units, by id. With several processes all of them must call it."""
        with self.sync_context():
            return {video: self._named(mean) for video, (_, mean) in sorted(self._videos().items())}

    def _class(self, video: str, label: int | None, has_regions: bool, has_flags: bool) -> int:
        check_pair(video, label, has_regions or has_flags)
        if self.region == "none" and has_flags:
            raise ValueError("audible and gate are for masks and boxes; region 'none' has only the activity")
        if label is None:
            return NO_LABEL
        return 0 if self.merge_classes else int(label)

    def _state(self, overlap: Overlap, audible: Flags, gate: Flags) -> Rows:
        """Compute the bits `SOUNDING` (in G) and `PREDICTED` (in P) of each frame, (n,)."""
        target = overlap.target
        predicted = overlap.predicted
        # audible without a region: the object is outside of the frame
        off_screen = audible & ~target & self.drop_empty_gt
        if not self.drop_empty_gt:
            target = target | audible
        if self.gate_only_counts:
            predicted = predicted | (gate & ~off_screen)
        return SOUNDING * target.astype(np.int64) + PREDICTED * predicted.astype(np.int64)

    def _videos(self) -> dict[str, tuple[Scores, Scores]]:
        """Compute the scores of each video's units, (units, scores), and their mean; skip videos without units."""
        videos: dict[str, tuple[Scores, Scores]] = {}
        for video, rows, segments in self._by_video():
            units, mean = self._units(video, rows, segments)
            if len(units):
                videos[video] = (units, mean)
        return videos

    def _units(self, video: str, rows: Rows, segments: Rows) -> tuple[Scores, Scores]:
        pairs = pairs_of(video, rows, fill=self.predicted_range == "first_to_last")
        empty = not any(len(pair.sounding) + len(pair.run_first) for pair in pairs)
        if self.fp_policy == "ignore":
            # drop the classes that never sound
            pairs = [pair for pair in pairs if len(pair.sounding)]
        unit_counts: list[list[int]] = []
        for pair in pairs:
            unit_counts.extend(self._counts(pair, segments))
        counts = np.array(unit_counts).reshape(-1, 5)  # |G|, |P|, |I|, sum of J, sum of F
        if self.region == "none":  # also where a hole was filled
            counts[:, 3:] = ONE * counts[:, 2:3]
        units = unit_scores(counts, self.fp_policy == "ignore")
        if empty and self.empty_video == "one":
            units = np.ones((1, len(LONG_VIDEO_SCORES)))
        if self.region == "box":
            # F is not defined for sets of boxes
            units[:, 2:4] = np.nan
        if self.m_tIoU == "temporal_iou":
            units[:, 0] = units[:, 4]
        mean = _mean(units)
        if self.region == "none" and pairs and not empty:
            mean[2:4] = label_f(pairs)
        return units, mean

    def _counts(self, pair: Pair, segments: Rows) -> list[list[int]]:
        if self.unit != "segment":
            return [pair.total()]
        return segment_counts(pair, segments[segments[:, LABEL] == pair.label, 2:])

    def _named(self, scores: Scores) -> dict[str, float]:
        names = LONG_VIDEO_SCORES if self.auxiliary else LONG_VIDEO_SCORES[:5]
        return dict(zip(names, scores.tolist(), strict=False))


def _mean(scores: Scores) -> Scores:
    return scores.mean(0) if len(scores) else np.full(len(LONG_VIDEO_SCORES), np.nan)
