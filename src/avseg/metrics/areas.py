"""Pixel counts per frame and class, and the metrics that keep them."""

from typing import Any

import torch
from torch import Tensor

from avseg.metrics.frames import FrameMetric, check_shapes


def class_areas(predicted: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Count intersection, predicted and labelled pixels of K classes, (N, 3, K) int64, in two maps (N, H, W).

    Pixels with a label outside the classes (255) are ignored.

    Example:
        >>> import torch
        >>> class_areas(torch.tensor([[[0, 1], [1, 1]]]), torch.tensor([[[0, 1], [0, 255]]]), 2)
        tensor([[[1, 1],
                 [1, 2],
                 [2, 1]]])
    """
    predicted = predicted.flatten(1).long()  # (N, H * W)
    target = target.flatten(1).long()
    # a label outside the classes marks pixels to ignore
    labelled = (target >= 0) & (target < num_classes)
    intersection = _areas(predicted, labelled & (predicted == target), num_classes)
    predicted_area = _areas(predicted, labelled, num_classes)
    return torch.stack([intersection, predicted_area, _areas(target, labelled, num_classes)], dim=1)


def _areas(classes: Tensor, counted: Tensor, num_classes: int) -> Tensor:
    """Count pixels (N, P) per frame and class, (N, K); pixels that are not counted go to an extra bin."""
    bins = torch.where(counted, classes, num_classes)
    # K + 1 bins per frame, so that one bincount serves all frames
    bins = bins + torch.arange(len(bins), device=bins.device)[:, None] * (num_classes + 1)
    areas = torch.bincount(bins.flatten(), minlength=len(bins) * (num_classes + 1))
    return areas.view(-1, num_classes + 1)[:, :num_classes]


class ClassMetric(FrameMetric):
    """A metric over frames that counts the areas of K classes, background included."""

    def __init__(self, num_classes: int, state: str, **kwargs: Any) -> None:
        super().__init__(counts=3 * num_classes, state=state, **kwargs)
        self.num_classes = num_classes

    def per_class(self) -> Tensor:
        """Compute the score of each class, (K,) float32. With several processes all of them must call it."""
        with self.sync_context():
            return self._class_scores().float()

    def _count(self, logits: Tensor, target: Tensor) -> Tensor:
        predicted = logits.argmax(-3)  # (N, H, W) or (B, T, H, W)
        return self._count_areas(predicted, target)

    def _count_areas(self, predicted: Tensor, target: Tensor) -> Tensor:
        check_shapes(predicted, target)
        areas = class_areas(predicted.flatten(0, -3), target.flatten(0, -3), self.num_classes)
        return areas.flatten(1)  # (N, 3 * K)

    def _class_scores(self) -> Tensor:
        raise NotImplementedError
