"""Jaccard index J of one mask per frame, called mIoU in the tables (AVS paper, section 5.1)."""

from typing import Any

import torch
from torch import Tensor

from avseg.metrics.frames import FrameMean, check_grouping, check_shapes, group_sizes


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
    """J of S4 and MS3 in the official grouping: the mean over groups of consecutive videos of the mean over frames.

    The official code averages J over test batches of 4 videos. That is the mean over all frames of S4 and MS3, whose
    splits it divides evenly, but not of a split whose last group is shorter. The score does not depend on the real
    batches, order or processes. Give every clip its `index`: then the duplicates that a distributed sampler adds are
    counted once. NaN without any frame.

    Args:
        videos_per_group: videos in a group, in the order of their index; None for the mean over all frames.
        frames_per_video: length of the videos into which frames (N, H, W) without an index are cut.

    Raises:
        UserError: a number below 1.

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

    def __init__(self, videos_per_group: int | None = 4, frames_per_video: int = 5, **kwargs: Any) -> None:
        check_grouping("MaskIoU", videos_per_group, frames_per_video)
        super().__init__(counts=2, state="overlap", frames_per_video=frames_per_video, **kwargs)
        self.videos_per_group = videos_per_group

    def compute(self) -> Tensor:
        """Compute the mean over the groups, a float32 scalar in [0, 1]."""
        clips, counts = self._frames()
        if not len(clips):
            return super().compute()
        groups = torch.split(_iou(counts), group_sizes(clips, self.videos_per_group))
        return torch.stack([group.mean() for group in groups]).mean().float().to(self.device)

    _count = staticmethod(_overlap)
    _score = staticmethod(_iou)
