"""Pixel counts per frame and class, from which the scores per class are computed."""

import torch
from torch import Tensor


def class_areas(predicted: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Count the pixels of each class; pixels with a label outside the classes (255) are ignored.

    Args:
        predicted: (N, H, W) class indices.
        target: (N, H, W) class indices.
        num_classes: K, background included.

    Returns:
        (N, 3, K) int64: intersection, predicted area, labelled area.

    Example:
        >>> import torch
        >>> class_areas(torch.tensor([[[0, 1], [1, 1]]]), torch.tensor([[[0, 1], [0, 255]]]), 2)
        tensor([[[1, 1],
                 [1, 2],
                 [2, 1]]])
    """
    predicted = predicted.flatten(1).long()  # (N, H * W)
    target = target.flatten(1).long()
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
