"""Pixels of every class in every frame: rightly predicted, predicted, labelled."""

import torch
from torch import Tensor


def class_areas(predicted: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Counts the pixels of each class; pixels with a label outside the classes (255) are ignored.

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
    predicted, target = predicted.flatten(1).long(), target.flatten(1).long()
    known = (target >= 0) & (target < num_classes)
    return torch.stack(
        [
            _areas(classes, counted, num_classes)
            for classes, counted in (
                (predicted, known & (predicted == target)),
                (predicted, known),
                (target, known),
            )
        ],
        dim=1,
    )


def _areas(classes: Tensor, counted: Tensor, num_classes: int) -> Tensor:
    """Pixels per frame and class, (N, K); those not counted go to one bin more, which is dropped."""
    bins = torch.where(counted, classes, num_classes)
    bins = bins + torch.arange(len(bins), device=bins.device)[:, None] * (num_classes + 1)
    areas = torch.bincount(bins.flatten(), minlength=len(bins) * (num_classes + 1))
    return areas.view(-1, num_classes + 1)[:, :num_classes]
