"""The losses of LVS: its cross-entropy over a batch of pairs, and the supervised form, which is ours."""

import torch
from torch import Tensor
from torch.nn import functional

from avseg.models.lvs.network import EPSILON_POSITIVE, TAU


def contrastive_loss(logits: Tensor) -> Tensor:
    """Compute the cross-entropy of the logits (B, B + 2) of `LVS`; class 0, the own pair's positive pixels, is right.

    The official repository has no training code; this is the form of the paper and of those who train its network.
    """
    return functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))


def supervised_loss(similarity: Tensor, masks: Tensor) -> Tensor:
    """Compute the binary cross-entropy of the positive mask against the masks, pooled to the map's size.

    Args:
        similarity: (N, h, w), cosine.
        masks: (N, H, W), non-zero is sounding; N may be 0, which gives a zero with a graph.
    """
    if len(similarity) == 0:
        return similarity.sum()
    share = functional.adaptive_avg_pool2d((masks != 0).float(), (similarity.shape[-2], similarity.shape[-1]))
    return functional.binary_cross_entropy_with_logits((similarity - EPSILON_POSITIVE) / TAU, share)
