"""The losses of MSSL: coarse (pairs and classes), fine (features of the classes), and the supervised form (ours)."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from avseg.models.mssl.localisation import THRESHOLD
from avseg.models.mssl.network import MSSLOutput

MARKED = 0.5  # of a map, from which the official rule marks a pixel
WIDTH = 0.1  # of that threshold in the supervised form
MARGIN = 1.4  # distance from which features of two classes are far enough apart
_EPSILON = 1e-10  # the official one; added to every entry before the sum
_SMALLEST_DISTANCE = 1e-12  # squared: its root has a finite gradient, and rounding makes no NaN


def coarse_loss(output: MSSLOutput, audio_labels: Tensor, image_labels: Tensor) -> dict[str, Tensor]:
    """Compute the terms of the first stage, of N pairs with soft labels (N, K) in [0, 1] for sound and image.

    A batch of one pair has no mismatched pairs; their term is then 0 (the official code: NaN).
    """
    return {
        "audio_class_loss": functional.binary_cross_entropy_with_logits(output.audio_logits, audio_labels),
        "image_class_loss": functional.binary_cross_entropy_with_logits(output.image_logits, image_labels),
        "pair_loss": pair_loss(output.pair_logits),
    }


def pair_loss(logits: Tensor) -> Tensor:
    """Compute the cross-entropy of logits (N, N, 2), half over matched pairs (the diagonal), half over the others."""
    same = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    entropy = functional.cross_entropy(logits.flatten(0, 1), same.flatten().long(), reduction="none")
    matched, mismatched = entropy[same.flatten()], entropy[~same.flatten()]
    return 0.5 * matched.mean() + (0.5 * mismatched.mean() if len(mismatched) else 0.0)


def fine_loss(output: MSSLOutput) -> dict[str, Tensor]:
    """Compute the terms that the second stage adds: features of one class of one clip attract, all others repel."""
    assert output.audio_fine is not None
    assert output.image_fine is not None
    distance = fine_distance(output.audio_fine, output.image_fine)
    counted = counted_pairs(output.audio_logits, output.image_logits)
    diagonal = torch.eye(len(distance), device=distance.device)
    margin_loss = (MARGIN - distance.clamp(min=_SMALLEST_DISTANCE).sqrt()).relu().square()
    return {
        "attract_loss": (distance * counted * diagonal).sum() / (diagonal * counted + _EPSILON).sum(),
        "repel_loss": (margin_loss * counted * (1 - diagonal)).sum() / ((1 - diagonal) * counted + _EPSILON).sum(),
    }


def fine_distance(audio_fine: Tensor, image_fine: Tensor) -> Tensor:
    """Compute the squared distance of every class of every sound and image, (N, 128, K) twice to (NK, NK)."""
    rows = audio_fine.transpose(1, 2).flatten(0, 1)  # (NK, 128)
    columns = image_fine.transpose(1, 2).flatten(0, 1)
    return 2 - 2 * rows @ columns.T


def counted_pairs(audio_logits: Tensor, image_logits: Tensor) -> Tensor:
    """Mark the pairs of classes that are both confident, (N, K) twice to (NK, NK)."""
    audio = (audio_logits.sigmoid() > THRESHOLD).float().flatten()
    image = (image_logits.sigmoid() > THRESHOLD).float().flatten()
    return torch.outer(audio, image)


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """Sum the terms, as the authors do."""
    return torch.stack(list(terms.values())).sum()


def supervised_loss(cosine: Tensor, masks: Tensor) -> Tensor:
    """Compute the binary cross-entropy of averaged similarities against the masks, pooled to their size.

    The sigmoid is around the official threshold of the map. The map itself is rectified: a sounding pixel of negative
    similarity would have no gradient.

    Args:
        cosine: (N, h, w) in [-1, 1]; N may be 0, which gives a zero with a graph.
        masks: (N, H, W), non-zero is sounding.
    """
    if len(cosine) == 0:
        return cosine.sum()
    share = functional.adaptive_avg_pool2d((masks != 0).float(), (cosine.shape[-2], cosine.shape[-1]))
    return functional.binary_cross_entropy_with_logits((cosine - MARKED) / WIDTH, share)
