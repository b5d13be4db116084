"""Scores for clips whose sound was replaced: how much a model depends on it (AVSBench-Robust, arXiv 2502.00358).

J- is `MaskIoU` of the prediction with a wrong sound against the clip's own masks: lower is better.
"""

from typing import Any

import torch
from torch import Tensor

from avseg.metrics.frames import FrameMean


def false_positive_share(logits: Tensor) -> Tensor:
    """Compute the share of pixels predicted to sound, sigmoid(logit) > 0.5, in every frame, (N,) float32.

    The logits are (N, H, W), or (B, T, H, W) with N = B * T.

    Example:
        >>> import torch
        >>> false_positive_share(torch.tensor([[[9.0, -9.0], [-9.0, -9.0]]]))
        tensor([0.2500])
    """
    return _share(_predicted_pixels(logits)).float()


def _predicted_pixels(logits: Tensor) -> Tensor:
    """Count predicted pixels and all pixels of every frame, (N, 2) int64."""
    if logits.ndim not in (3, 4):
        raise ValueError(f"logits {tuple(logits.shape)} must be (N, H, W) or (B, T, H, W)")
    predicted = (logits.float().sigmoid() > 0.5).flatten(0, -3).flatten(1)  # (N, H * W)
    area = predicted.sum(1)  # (N,)
    return torch.stack([area, torch.full_like(area, predicted.shape[1])], 1)


def _share(counts: Tensor) -> Tensor:
    return counts[:, 0].double() / counts[:, 1]


class FalsePositiveShare(FrameMean):
    """The mean of `false_positive_share` over all frames: with the sound of an object out of view, all are false.

    `num_classes` 1 takes one logit per pixel, more take one logit per class; every class but 0 sounds. NaN without any
    frame.

    Example:
        >>> import torch
        >>> metric = FalsePositiveShare()
        >>> metric.update(torch.tensor([[[9.0, -9.0], [-9.0, -9.0]]]))
        >>> metric.compute()
        tensor(0.2500)
    """

    higher_is_better = False
    _score = staticmethod(_share)

    def __init__(self, num_classes: int = 1, **kwargs: Any) -> None:
        super().__init__(counts=2, state="predicted", **kwargs)
        self.num_classes = num_classes

    def update(self, logits: Tensor, target: Tensor | None = None, index: Tensor | None = None) -> None:
        """Add frames as `FrameMetric.update`; `target` is not used, so that all metrics are called alike."""
        if self.num_classes > 1:
            logits = (logits.argmax(-3) > 0).float() - 0.5  # (B, T, H, W), positive where any class sounds
        self._add(_predicted_pixels(logits), logits.shape[:-2], index)

    def _count(self, logits: Tensor, target: Tensor) -> Tensor:
        return _predicted_pixels(logits)


def g_miou(j_plus: Tensor | float, j_minus: Tensor | float) -> float:
    """Compute the harmonic mean of J with the clips' sound and 1 - J with a wrong sound, both in [0, 1].

    High only if the model segments with the sound, and not without it.

    Example:
        >>> g_miou(0.75, 0.25)
        0.75
    """
    plus = float(j_plus)
    rejection = 1 - float(j_minus)
    # both 0: the harmonic mean is 0
    return 2 * plus * rejection / (plus + rejection) if plus + rejection > 0 else 0.0
