"""Jaccard index J of one mask per frame, called mIoU in the tables (AVS paper, section 5.1)."""

from typing import Any

import torch
from torch import Tensor

from avseg.metrics.frames import FrameMean, check_shapes


def mask_iou(logits: Tensor, target: Tensor) -> Tensor:
    """Compute the intersection over union of every frame, (N,) float32; of the complements for an empty target.

    A pixel is predicted where sigmoid(logit) > 0.5. Logits and target (non-zero is sounding) are (N, H, W), or
    (B, T, H, W) with N = B * T; another shape is a `ValueError`.

    Example:
        >>> import torch
        >>> target = torch.tensor([[[1, 1], [0, 0]], [[0, 0], [0, 0]]])
        >>> logits = torch.tensor([[[9.0, -9.0], [9.0, -9.0]], [[9.0, -9.0], [-9.0, -9.0]]])
        >>> mask_iou(logits, target)
        tensor([0.3333, 0.7500])
    """
    return _iou(_overlap(logits, target)).float()


def _overlap(logits: Tensor, target: Tensor) -> Tensor:
    """Count intersection and union of every frame, (N, 2) int64; of the complements for an empty target."""
    check_shapes(logits, target)
    # sigmoid rounds tiny positive logits to 0.5, so `logits > 0` would not be the official prediction
    predicted = (logits.float().sigmoid() > 0.5).flatten(0, -3).flatten(1)  # (N, H * W)
    sounding = (target != 0).flatten(0, -3).flatten(1)
    silent = ~sounding.any(1)  # (N,); these frames score their complement
    intersection = torch.where(silent, (~predicted).sum(1), (predicted & sounding).sum(1))
    union = torch.where(silent, sounding.shape[1], (predicted | sounding).sum(1))
    return torch.stack([intersection, union], dim=1)


def _iou(counts: Tensor) -> Tensor:
    # the official epsilon
    return counts[:, 0].double() / (counts[:, 1].double() + 1e-7)


class MaskIoU(FrameMean):
    """J of S4 and MS3: the mean of `mask_iou` over all frames of a split.

    The score does not depend on batches, order or processes. Give every clip its `index`: then the duplicates that a
    distributed sampler adds are counted once. NaN without any frame.

    Example:
        >>> import torch
        >>> metric = MaskIoU()
        >>> target = torch.tensor([[[[1, 1], [0, 0]]], [[[1, 0], [0, 0]]]])
        >>> logits = torch.tensor([[[[9.0, -9.0], [9.0, -9.0]]], [[[9.0, -9.0], [-9.0, -9.0]]]])
        >>> metric.update(logits, target, index=torch.tensor([0, 1]))
        >>> metric.compute()
        tensor(0.6667)
        >>> {clip: round(score, 4) for clip, score in metric.per_clip().items()}
        {0: 0.3333, 1: 1.0}
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(counts=2, state="overlap", **kwargs)

    _count = staticmethod(_overlap)
    _score = staticmethod(_iou)
