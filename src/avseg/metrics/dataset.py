"""The dataset-level family of scores (CAVP, DDESeg): one confusion matrix over the whole split, background a class.

Not comparable with `MaskIoU` and `FScore`: the same weights of CAVP give 55.82 on MS3 in one and 72.79 in the other.
"""

from typing import Any

from torch import Tensor

from avseg.metrics.areas import class_areas
from avseg.metrics.f_score import BETA2
from avseg.metrics.frames import FrameMetric, check_shapes


class DatasetIoU(FrameMetric):
    """IoU of each class over all pixels of the split, averaged over the classes; a class that never occurs gives 0.

    Args:
        num_classes: 2 (silent, sounding) takes one logit per pixel, more take one logit per class.
        kwargs: see `torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> metric = DatasetIoU()
        >>> target = torch.tensor([[[1, 1], [0, 0]]])
        >>> metric.update(torch.tensor([[[9.0, -9.0], [-9.0, -9.0]]]), target)
        >>> metric.compute()
        tensor(0.5833)
        >>> metric.per_class()
        tensor([0.6667, 0.5000])
    """

    def __init__(self, num_classes: int = 2, **kwargs: Any) -> None:
        super().__init__(counts=3 * num_classes, state="areas", **kwargs)
        self.num_classes = num_classes

    def update(self, logits: Tensor, target: Tensor, index: Tensor | None = None) -> None:
        """Adds frames.

        Args:
            logits: (N, H, W) or (B, T, H, W); with more than 2 classes (N, K, H, W) or (B, T, K, H, W).
            target: (N, H, W) or (B, T, H, W); 2 classes: non-zero is sounding; more: the class index, 255 is ignored.
            index: (B,), each clip's place in its split.

        Raises:
            ValueError: shapes that do not fit.
        """
        if self.num_classes == 2:
            check_shapes(logits, target)
            predicted, target = logits.float().sigmoid() > 0.5, target != 0
        else:
            predicted = logits.argmax(-3)
            check_shapes(predicted, target)
        areas = class_areas(predicted.flatten(0, -3), target.flatten(0, -3), self.num_classes)
        self._add(areas.flatten(1), target.shape[:-2], index)

    def compute(self) -> Tensor:
        """The mean over the classes, a float32 scalar in [0, 1]."""
        return self._scores().nan_to_num(nan=0.0).mean().float().to(self.device)

    def per_class(self) -> Tensor:
        """The score of each class, (K,) float32, NaN where it never occurs. All processes must call it."""
        with self.sync_context():
            return self._scores().float()

    def _scores(self) -> Tensor:
        right, predicted, labelled = self._areas()
        return right / (predicted + labelled - right)

    def _areas(self) -> tuple[Tensor, Tensor, Tensor]:
        _, counts = self._frames()
        right, predicted, labelled = counts.view(-1, 3, self.num_classes).sum(0).double()
        return right, predicted, labelled


class DatasetFScore(DatasetIoU):
    """F-score (beta^2 = 0.3) of each class over all pixels of the split, averaged over the classes that occur.

    Args:
        num_classes: 2 (silent, sounding) takes one logit per pixel, more take one logit per class.
        kwargs: see `torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> metric = DatasetFScore()
        >>> target = torch.tensor([[[1, 1], [0, 0]]])
        >>> metric.update(torch.tensor([[[9.0, -9.0], [-9.0, -9.0]]]), target)
        >>> metric.compute()
        tensor(0.7674)
    """

    def compute(self) -> Tensor:
        """The mean over the classes that occur, a float32 scalar in [0, 1]."""
        return self._scores().nanmean().float().to(self.device)

    def _scores(self) -> Tensor:
        right, predicted, labelled = self._areas()
        missed, wrong = labelled - right, predicted - right
        return (1 + BETA2) * right / ((1 + BETA2) * right + BETA2 * missed + wrong)
