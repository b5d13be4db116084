"""Logits that stand for given probabilities in every metric."""

import torch
from torch import Tensor

from avseg.metrics.f_score import THRESHOLDS, count_thresholds


def exact_logits(probability: Tensor) -> Tensor:
    """Return float32 logits that the metrics treat exactly as these probabilities.

    sigmoid(logit(p)) may differ from p by a rounding and so cross one of the 255 thresholds of the F-score. The logit
    of the middle of p's interval between two thresholds cannot; p = 0.5, a threshold that is not predicted, is kept.

    Example:
        >>> exact_logits(torch.tensor([0.5, 1.0])).sigmoid()
        tensor([0.5000, 1.0000])
    """
    edges = THRESHOLDS.double()
    middles = torch.cat([edges[:1], (edges[:-1] + edges[1:]) / 2, edges.new_tensor([1.0])])  # by thresholds reached
    table = middles.clamp(1e-9, 1 - 1e-15).logit().float()  # (256,)
    logits = table[count_thresholds(probability.float()).long()]
    return torch.where(probability == 0.5, 0.0, logits)
