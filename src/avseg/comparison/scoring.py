"""Scores of one method: those of an evaluation, and what its marked pixels are worth in silence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from avseg.comparison.mask_folder import Finding
from avseg.data.clip import Clip
from avseg.metrics.registry import MetricInfo, registered_metrics
from avseg.models.scores import Scores

SILENT_EMPTY = MetricInfo("silent_empty", "silent frames left empty")
FALSE_SHARE = MetricInfo("false_share", "false positives", higher_is_better=False, mean_over_clips=True)


@dataclass(frozen=True)
class MethodScores:
    """The result of one method; scores are in [0, 1]."""

    name: str
    source: str
    soft: bool  # False: F is that of hard masks
    scores: dict[str, float]
    clips: dict[int, dict[str, float]]  # by position in the split
    silent_frames: int
    findings: Sequence[Finding] = ()
    origin: dict[str, str] = field(default_factory=dict)  # of a run: path and digest of its weights

    def column(self, key: str, indices: Sequence[int]) -> list[float]:
        """Return the scores of clips in one metric."""
        return [self.clips[index][key] for index in indices]


class MethodScorer:
    """Collects the scores of one method batch by batch."""

    def __init__(self, length: int, videos_per_group: int | None, device: torch.device | str = "cpu") -> None:
        self._scores = Scores(1, length, videos_per_group).to(device)
        # of each clip: its labelled frames' false pixels as shares, silent frames, empty ones among them
        self._silence: dict[int, tuple[list[float], int, int]] = {}

    def update(self, logits: Tensor, clip: Clip, graded: Tensor | None = None) -> None:
        """Add a batch with logits (B, T, 1, H, W); `graded` are those of the F-scores, if others."""
        self._scores.update(logits, clip, graded)
        marked = (logits[:, :, 0].float().sigmoid() > 0.5).flatten(2)  # (B, T, H * W)
        sounding = (clip.masks != 0).flatten(2)
        false = (marked & ~sounding).sum(-1).cpu().double()  # (B, T)
        silent_pixels = (~sounding).sum(-1).cpu().double()
        share = (false / silent_pixels).numpy()  # NaN where everything sounds
        silent = (silent_pixels == sounding.shape[-1]).numpy()
        empty = silent & (false == 0).numpy()
        annotated = clip.annotated.cpu().numpy()
        for row, index in enumerate(clip.index.tolist()):
            keep = annotated[row]
            shares = share[row][keep]
            counts = int(silent[row][keep].sum()), int(empty[row][keep].sum())
            self._silence[index] = (shares[~np.isnan(shares)].tolist(), *counts)

    def finish(self, name: str, source: str, *, soft: bool, **facts: object) -> MethodScores:
        """Compute the scores."""
        scores = self._scores.compute()
        clips = self._scores.per_clip()
        shares: list[float] = []
        silent = empty = 0
        for index in sorted(self._silence):
            clip_shares, frames, left = self._silence[index]
            shares += clip_shares
            silent += frames
            empty += left
            clips[index][FALSE_SHARE.key] = float(np.mean(clip_shares)) if clip_shares else math.nan
            clips[index][SILENT_EMPTY.key] = left / frames if frames else math.nan
        scores[SILENT_EMPTY.key] = empty / silent if silent else math.nan
        scores[FALSE_SHARE.key] = float(np.mean(shares)) if shares else math.nan
        return MethodScores(name, source, soft, scores, clips, silent, **facts)  # type: ignore[arg-type]


def compared_metrics() -> list[str]:
    """Return the keys of the columns, in order."""
    built_in = ["miou", "fscore", "dataset_iou", "dataset_fscore", SILENT_EMPTY.key, FALSE_SHARE.key]
    return built_in + [info.key for info in registered_metrics()]
