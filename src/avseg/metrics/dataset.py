"""The dataset-level family of scores (CAVP, DDESeg): one confusion matrix over the whole split, background a class.

Not comparable with `MaskIoU` and `FScore`: the same weights of CAVP reach 55.82 on MS3 in one and 72.79 in the other.
"""

from typing import Any

from torch import Tensor

from avseg.metrics.areas import ClassMetric
from avseg.metrics.f_score import BETA2


class DatasetIoU(ClassMetric):
    """IoU of each class over all pixels of the split, averaged over the classes; a class that never occurs scores 0.

    `num_classes` 2 (silent, sounding) takes one logit per pixel, more take one logit per class.

    Example:
        >>> import torch
        >>> metric = DatasetIoU()
        >>> target = torch.tensor([[[1, 1], [0, 0]]])
        >>> metric.update(torch.tensor([[[9.0, -9.0], [-9.0, -9.0]]]), target)
        >>> metric.compute()
        tensor(0.5833)
        >>> metric.per_class()  # NaN for a class that never occurs
        tensor([0.6667, 0.5000])
    """

    def __init__(self, num_classes: int = 2, **kwargs: Any) -> None:
        super().__init__(num_classes, state="areas", **kwargs)

    def _count(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.num_classes == 2:
            return self._count_areas(logits.float().sigmoid() > 0.5, target != 0)
        return super()._count(logits, target)

    def compute(self) -> Tensor:
        """Compute the mean over the classes, a float32 scalar in [0, 1]."""
        return self._class_scores().nan_to_num(nan=0.0).mean().float().to(self.device)

    def _class_scores(self) -> Tensor:
        correct, predicted, labelled = self._areas()
        return correct / (predicted + labelled - correct)

    def _areas(self) -> tuple[Tensor, Tensor, Tensor]:
        """Sum intersection, predicted area and labelled area over the frames, (K,) each."""
        _, counts = self._frames()
        # float64: exact for counts below 2^53
        correct, predicted, labelled = counts.view(-1, 3, self.num_classes).sum(0).double()
        return correct, predicted, labelled


class DatasetFScore(DatasetIoU):
    """F-score (beta^2 = 0.3) of each class over all pixels of the split, averaged over the classes that occur.

    Example:
        >>> import torch
        >>> metric = DatasetFScore()
        >>> target = torch.tensor([[[1, 1], [0, 0]]])
        >>> metric.update(torch.tensor([[[9.0, -9.0], [-9.0, -9.0]]]), target)
        >>> metric.compute()
        tensor(0.7674)
    """

    def compute(self) -> Tensor:
        """Compute the mean over the classes that occur, a float32 scalar in [0, 1]."""
        return self._class_scores().nanmean().float().to(self.device)

    def _class_scores(self) -> Tensor:
        correct, predicted, labelled = self._areas()
        missed = labelled - correct  # false negatives
        false = predicted - correct  # false positives
        return (1 + BETA2) * correct / ((1 + BETA2) * correct + BETA2 * missed + false)
