"""Scores of one evaluation pass: every metric of `avseg.metrics.registry` that is defined for the data set."""

import math
from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import Metric

from avseg.data.clip import Clip
from avseg.metrics import FScore, g_miou
from avseg.metrics.registry import METRICS, MetricSettings, PerClipMetric, select_metrics

# scores that try many thresholds
F_SCORES = ("fscore", "dataset_fscore")


class Scores(nn.Module):
    """The metrics of one pass over a split with one kind of sound; the arguments are those of `MetricSettings`.

    `registered` are keys of the metrics of plugins to compute, None for all; an unknown key is a `UserError`.
    """

    def __init__(
        self,
        num_classes: int = 1,
        frames_per_video: int = 5,
        videos_per_group: int | None = 4,
        registered: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.binary = num_classes == 1
        settings = MetricSettings(num_classes, frames_per_video, videos_per_group)
        self.metrics: dict[str, Metric] = nn.ModuleDict()  # type: ignore[assignment]
        for info in select_metrics(registered):
            metric = info.factory(settings) if info.factory else None
            if metric is not None:
                self.metrics[info.key] = metric

    def update(self, logits: Tensor, clip: Clip, graded: Tensor | None = None) -> None:
        """Add a batch with logits (B, T, K, H, W); frames without a label are not scored.

        `graded` are the logits of the F-scores, None for the same ones.
        """
        masks = clip.masks
        if self.binary and not clip.annotated.all():  # S4's training clips: the first frame of each
            masks = masks[clip.annotated]  # (N, H, W)
        mask_logits = self._selected(logits, clip)
        grades = mask_logits if graded is None else self._selected(graded, clip)
        for key, metric in self.metrics.items():
            metric.update(grades if key in F_SCORES else mask_logits, masks, index=clip.index)

    def _selected(self, logits: Tensor, clip: Clip) -> Tensor:
        """Resize to the masks; select the labelled frames of one class, (B, T, H, W) or (N, H, W), all of several."""
        logits = _resized(logits, (clip.masks.shape[-2], clip.masks.shape[-1]))
        if not self.binary:
            return logits
        logits = logits[:, :, 0]
        return logits if clip.annotated.all() else logits[clip.annotated]

    def reset(self) -> None:
        """Reset every metric."""
        for metric in self.metrics.values():
            metric.reset()

    def compute(self) -> dict[str, float]:
        """Compute the scores of the whole split, over all processes."""
        return {key: float(metric.compute()) for key, metric in self.metrics.items()}

    def per_clip(self) -> dict[int, dict[str, float]]:
        """Compute the scores that exist per clip, by the clip's index in the split (over all processes)."""
        rows: dict[int, dict[str, float]] = {}
        columns: dict[str, dict[int, float]] = {}
        for key, metric in self.metrics.items():
            # the semantic form of a score has no value per clip
            if METRICS[key].per_clip and isinstance(metric, PerClipMetric):
                columns[key] = metric.per_clip()
        for index in sorted(set().union(*columns.values())):
            rows[index] = {key: column.get(index, math.nan) for key, column in columns.items()}
        return rows

    def f_curve(self) -> list[float]:
        """Compute F at each of the official thresholds (over all processes); empty for masks of several classes."""
        metric = self.metrics["fscore"]
        return metric.mean_curve().tolist() if isinstance(metric, FScore) else []


def _resized(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring logits (B, T, K, h, w) to the size of masks that an evaluation reads at a size of their own."""
    if tuple(logits.shape[-2:]) == size:
        return logits
    resized = F.interpolate(logits.flatten(0, 1), size=size, mode="bilinear", align_corners=False)
    return resized.unflatten(0, logits.shape[:2])  # type: ignore[no-untyped-call,no-any-return]


def summarise(by_sound: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Add G-mIoU to the scores of every control, from its J against the clip's own masks and the J of "own"."""
    own_iou = by_sound["own"].get("miou")
    summary = {sound: dict(scores) for sound, scores in by_sound.items()}
    for sound, scores in summary.items():
        if sound != "own" and own_iou is not None:
            scores["g_miou"] = g_miou(own_iou, scores["miou"])
    return summary
