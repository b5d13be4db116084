"""The scores of AVSBench-semantic (AVSS): per frame and class, then per class, then over all 71 classes."""

from typing import Any, Literal, get_args

from torch import Tensor

from avseg.metrics.areas import ClassMetric
from avseg.metrics.f_score import BETA2
from avseg.utils.choices import check_choice

Score = Literal["iou", "f_score"]


class SemanticScore(ClassMetric):
    """mIoU or F-score of AVSS.

    A class's score is the mean over those frames where it is predicted or labelled. The result is the mean over all
    classes, where a class that is never predicted nor labelled scores 0.

    Args:
        score: "iou", or "f_score" (beta^2 = 0.3).
        num_classes: K, background included.
        count_padded: count also the frames that only pad a clip of 5 seconds to 10, as the official code does; False
            leaves out the frames that are not valid.

    Raises:
        UserError: an unknown score.

    Example:
        >>> import torch
        >>> metric = SemanticScore(num_classes=3)
        >>> target = torch.tensor([[[0, 0], [2, 2]]])
        >>> logits = torch.nn.functional.one_hot(torch.tensor([[[0, 0], [0, 2]]]), 3).movedim(-1, 1)
        >>> metric.update(logits, target)
        >>> metric.per_class()
        tensor([0.6667, 0.0000, 0.5000])
        >>> metric.compute()
        tensor(0.3889)
    """

    def __init__(self, score: Score = "iou", num_classes: int = 71, count_padded: bool = True, **kwargs: Any) -> None:
        check_choice("SemanticScore: score", score, get_args(Score))
        # metrics that count other frames must not share a table
        super().__init__(num_classes, state="areas" if count_padded else "valid_areas", **kwargs)
        self.score = score
        self.count_padded = count_padded

    def update(self, logits: Tensor, target: Tensor, index: Tensor | None = None, valid: Tensor | None = None) -> None:
        """Add frames as `FrameMetric.update`, but logits (N, K, H, W) or (B, T, K, H, W) of the K classes only.

        `valid` (N,) or (B, T) bool marks the frames that exist; None means all.
        """
        counts = self._count(logits, target)
        self._add(counts, target.shape[:-2], index, None if self.count_padded else valid)

    def _count(self, logits: Tensor, target: Tensor) -> Tensor:
        if logits.ndim < 4 or logits.shape[-3] != self.num_classes:
            raise ValueError(
                f"logits {tuple(logits.shape)} must be (N, K, H, W) or (B, T, K, H, W), K {self.num_classes}"
            )
        return super()._count(logits, target)

    def compute(self) -> Tensor:
        """Compute the mean over all classes, a float32 scalar in [0, 1]."""
        return self._class_scores().mean().float().to(self.device)

    def _class_scores(self) -> Tensor:
        _, counts = self._frames()
        correct, predicted, labelled = counts.view(-1, 3, self.num_classes).double().unbind(1)  # (N, K) each
        union = predicted + labelled - correct
        if self.score == "iou":
            scores = correct / union
        else:
            precision = correct / predicted
            recall = correct / labelled
            scores = (1 + BETA2) * precision * recall / (BETA2 * precision + recall)
        frames = (union > 0).sum(0)  # (K,), frames with the class
        # a class that never occurs scores 0
        return scores.nan_to_num(nan=0.0).sum(0) / frames.clamp(min=1)
