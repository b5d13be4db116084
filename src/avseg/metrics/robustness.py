"""Does the model listen? Scores for clips whose sound was replaced (AVSBench-Robust, arXiv 2502.00358).

J- is `MaskIoU` of the prediction with a wrong sound against the clip's own masks: lower is better.
"""

from typing import Any

import torch
from torch import Tensor

from avseg.metrics.frames import FrameMetric


def false_positive_share(logits: Tensor) -> Tensor:
    """The share of pixels predicted to sound, sigmoid(logit) > 0.5, in every frame.

    Args:
        logits: (N, H, W) or (B, T, H, W).

    Returns:
        (N,) float32, where N = B * T for clips.

    Example:
        >>> import torch
        >>> false_positive_share(torch.tensor([[[9.0, -9.0], [-9.0, -9.0]]]))
        tensor([0.2500])
    """
    return _share(_predicted(logits)).float()


def _predicted(logits: Tensor) -> Tensor:
    """Predicted pixels and all pixels of every frame, (N, 2) int64."""
    if logits.ndim not in (3, 4):
        raise ValueError(f"logits {tuple(logits.shape)} must be (N, H, W) or (B, T, H, W)")
    predicted = (logits.float().sigmoid() > 0.5).flatten(0, -3).flatten(1)
    return torch.stack([predicted.sum(1), torch.full_like(predicted[:, 0], predicted.shape[1], dtype=torch.int64)], 1)


def _share(predicted: Tensor) -> Tensor:
    return predicted[:, 0].double() / predicted[:, 1]


class FalsePositiveShare(FrameMetric):
    """The mean of `false_positive_share` over all frames of a split: with a sound of nothing in sight, all are false.

    NaN when no frame was seen.

    Args:
        num_classes: 1 takes one logit per pixel, more take one logit per class; every class but 0 sounds.
        kwargs: see `torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> metric = FalsePositiveShare()
        >>> metric.update(torch.tensor([[[9.0, -9.0], [-9.0, -9.0]]]))
        >>> metric.compute()
        tensor(0.2500)
    """

    higher_is_better = False

    def __init__(self, num_classes: int = 1, **kwargs: Any) -> None:
        super().__init__(counts=2, state="predicted", **kwargs)
        self.num_classes = num_classes

    def update(self, logits: Tensor, target: Tensor | None = None, index: Tensor | None = None) -> None:
        """Adds frames.

        Args:
            logits: (N, H, W) or (B, T, H, W); with several classes (N, K, H, W) or (B, T, K, H, W).
            target: not used; here so that all metrics are called alike.
            index: (B,), each clip's place in its split.

        Raises:
            ValueError: shapes that do not fit.
        """
        if self.num_classes > 1:
            logits = (logits.argmax(-3) > 0).float() - 0.5  # (B, T, H, W), positive where any class sounds
        self._add(_predicted(logits), logits.shape[:-2], index)

    def compute(self) -> Tensor:
        """The mean over all frames, a float32 scalar in [0, 1]."""
        _, predicted = self._frames()
        return _share(predicted).mean().float().to(self.device)

    def per_clip(self) -> dict[int, float]:
        """The mean over the frames of each clip, by index. With several processes all of them must call it."""
        with self.sync_context():
            clips, predicted = self._frames()
        return self._clip_means(_share(predicted), clips)


def g_miou(j_plus: Tensor | float, j_minus: Tensor | float) -> float:
    """The harmonic mean of J+ and 1 - J-: high only for a model that finds what sounds, and nothing without its sound.

    Args:
        j_plus: J with the clips' own sound, in [0, 1].
        j_minus: J with a wrong sound against the same masks, in [0, 1].

    Returns:
        A number in [0, 1].

    Example:
        >>> g_miou(0.75, 0.25)
        0.75
    """
    plus, silence = float(j_plus), 1 - float(j_minus)
    return 2 * plus * silence / (plus + silence) if plus + silence > 0 else 0.0
