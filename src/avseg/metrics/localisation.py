"""Scores of sound source localisation: consensus IoU, the share of successes, and the area under its curve.

Senocak et al., CVPR 2018; the forms are those of the official LVS code. In its cIoU a pixel that is marked and not
sounding counts fully, a sounding pixel by the share of annotators who marked it.
"""

from typing import Any

import torch
from torch import Tensor

from avseg.metrics.frames import FrameMetric, check_shapes

HALF = 2  # in masks: half as many annotators agree as are needed
SUCCESS = 0.5  # cIoU from which a source counts as localised
CURVE = torch.tensor([0.05 * step for step in range(21)], dtype=torch.float64, device="cpu")
THRESHOLDS = torch.linspace(0.05, 0.95, 19, device="cpu")  # candidates for the threshold of a map


def consensus_iou(mask: Tensor, truth: Tensor) -> Tensor:
    """Compute the cIoU of masks (N, H, W) with truths (N, H, W) in [0, 1], (N,) float64.

    Without a sounding pixel it is 0 if anything is marked, otherwise 1 (the official code: NaN).

    Example:
        >>> import torch
        >>> truth = torch.tensor([[[1.0, 0.5], [0.0, 0.0]]])
        >>> consensus_iou(torch.tensor([[[True, False], [True, False]]]), truth)
        tensor([0.4000], dtype=torch.float64)
    """
    marked, expected = mask.double(), truth.double()
    correct = (marked * expected).sum((1, 2))
    false_positive = (marked * (expected == 0)).sum((1, 2))
    return _quotient(correct, expected.sum((1, 2)) + false_positive)


def success_rate(scores: Tensor, threshold: float = SUCCESS) -> Tensor:
    """Compute the share of cIoU scores (N,) that reach the threshold.

    Example:
        >>> import torch
        >>> success_rate(torch.tensor([0.2, 0.5, 0.7, 0.9]))
        tensor(0.7500, dtype=torch.float64)
    """
    return (scores >= threshold).double().mean()


def success_auc(scores: Tensor) -> Tensor:
    """Compute the area under the success rate of cIoU scores (N,) at 0, 0.05, ..., 1.

    Example:
        >>> import torch
        >>> success_auc(torch.tensor([0.0, 1.0]))
        tensor(0.5125, dtype=torch.float64)
    """
    rates = (scores[:, None] >= CURVE).double().mean(0)  # (21,)
    return torch.trapezoid(rates, CURVE)


def _quotient(correct: Tensor, total: Tensor) -> Tensor:
    return torch.where(total > 0, correct / torch.where(total > 0, total, 1.0), 1.0)


class SuccessRate(FrameMetric):
    """The share of frames whose cIoU with a mask is at least 0.5; NaN without any frame.

    A pixel is marked where sigmoid(logit) > 0.5. In the mask 0 is silent, 2 a pixel on which half as many annotators
    agree as are needed, everything else sounds.

    Example:
        >>> import torch
        >>> metric = SuccessRate()
        >>> target = torch.tensor([[[1, 1], [0, 0]], [[1, 0], [0, 0]]])
        >>> metric.update(torch.tensor([[[9.0, -9.0], [-9.0, -9.0]]] * 2), target)
        >>> metric.compute()
        tensor(1.)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(counts=2, state="consensus", **kwargs)

    def _count(self, logits: Tensor, target: Tensor) -> Tensor:
        check_shapes(logits, target)
        marked = (logits.float().sigmoid() > 0.5).flatten(0, -3).flatten(1)  # (N, H * W)
        labels = target.flatten(0, -3).flatten(1)
        # in halves of a pixel, so that counts are whole numbers
        agreement = 2 * (labels != 0).long() - (labels == HALF).long()
        false_positive = 2 * (marked & (labels == 0)).sum(1)
        return torch.stack([(marked * agreement).sum(1), agreement.sum(1) + false_positive], dim=1)

    def scores(self) -> Tensor:
        """Compute the cIoU of every frame, (N,) float64."""
        _, counts = self._frames()
        return _quotient(counts[:, 0].double(), counts[:, 1].double())

    def compute(self) -> Tensor:
        """Compute the share of successes, a float32 scalar in [0, 1]."""
        return success_rate(self.scores()).float().to(self.device)


class SuccessAUC(SuccessRate):
    """The area under the share of successes at cIoU 0, 0.05, ..., 1.

    Example:
        >>> import torch
        >>> metric = SuccessAUC()
        >>> metric.update(torch.tensor([[[9.0, -9.0]]]), torch.tensor([[[1, 0]]]))
        >>> metric.compute()
        tensor(1.)
    """

    def compute(self) -> Tensor:
        """Compute the area, a float32 scalar in [0, 1]."""
        return success_auc(self.scores()).float().to(self.device)


class BestThreshold(FrameMetric):
    """The threshold, 0.05 to 0.95, at which maps have the highest J, the mean over frames; the lowest of equals.

    Example:
        >>> import torch
        >>> metric = BestThreshold()
        >>> metric.update(torch.tensor([[[0.3, 0.22]]]).logit(), torch.tensor([[[1, 0]]]))
        >>> metric.compute()
        tensor(0.2500)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(counts=2 * len(THRESHOLDS), state="overlap_by_threshold", **kwargs)

    def _count(self, logits: Tensor, target: Tensor) -> Tensor:
        check_shapes(logits, target)
        maps = logits.float().sigmoid().flatten(0, -3).flatten(1)  # (N, H * W)
        sounding = (target != 0).flatten(0, -3).flatten(1)
        silent = ~sounding.any(1)
        columns: list[Tensor] = []
        for threshold in THRESHOLDS.tolist():
            marked = maps > threshold
            columns.append(torch.where(silent, (~marked).sum(1), (marked & sounding).sum(1)))
            columns.append(torch.where(silent, marked.shape[1], (marked | sounding).sum(1)))
        return torch.stack(columns, dim=1)

    def compute(self) -> Tensor:
        """Compute the threshold, a float32 scalar; 0.5 without any frame."""
        _, counts = self._frames()
        if not len(counts):
            return torch.tensor(0.5, device=self.device)
        overlap = counts.double().unflatten(1, (len(THRESHOLDS), 2))  # type: ignore[no-untyped-call]
        scores = _quotient(overlap[:, :, 0], overlap[:, :, 1]).mean(0)
        return THRESHOLDS[scores.argmax()].to(self.device)
