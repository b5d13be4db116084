"""From one map for each class to the map of a sound: which classes count, and their average."""

from typing import Literal

import torch
from torch import Tensor

THRESHOLD = 0.3  # confidence from which a class counts


def class_confidence(audio_logits: Tensor, class_filter: Literal["official", "single"]) -> Tensor:
    """Compute the confidence (N, K) in each class of a sound from its logits.

    The official code applies the sigmoid twice, so that no value is below 0.5 and every class counts; "single" applies
    it once.
    """
    confidence = audio_logits.float().sigmoid()
    return confidence.sigmoid() if class_filter == "official" else confidence


def weighted_average(maps: Tensor, confidence: Tensor) -> Tensor:
    """Average maps (N, K, h, w) over the classes that count, weighted by confidence (N, K); returns (N, h, w).

    The most confident class always counts.
    """
    counted = confidence > THRESHOLD  # (N, K)
    best = torch.zeros_like(counted).scatter(1, confidence.argmax(1, keepdim=True), True)
    weights = torch.where(counted | best, confidence, 0.0)
    return torch.einsum("nkhw,nk->nhw", maps, weights) / weights.sum(1)[:, None, None]


def divide_by_maximum(maps: Tensor) -> Tensor:
    """Divide maps (N, H, W), none of them negative, by their maximum; a map of zeros stays (the official code: NaN)."""
    highest = maps.amax((1, 2), keepdim=True)
    return maps / torch.where(highest > 0, highest, 1.0)
