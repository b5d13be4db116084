"""The loss of CFBI, with which the reconstruction of SST is trained: the hardest pixels of each frame count."""

import torch
from torch import Tensor
from torch.nn import functional as F

HARDEST = 0.15  # share of the pixels that count at last
IGNORED = 255


def hardest_pixels_loss(logits: Tensor, labels: Tensor, step: int, hard_step: float) -> Tensor:
    """Compute the mean cross-entropy of the hardest pixels of each frame, (N,).

    Their share falls from all pixels at step 0 to 15 % from `hard_step` on.

    Args:
        logits: (N, H, W).
        labels: (N, H, W), 0 and 1, or 255 for ignored pixels, whose loss is 0 (they are counted as pixels).
        step: optimizer steps so far.
        hard_step: step from which the share is 15 %.
    """
    ignored = labels == IGNORED
    target = labels.masked_fill(ignored, 0).to(logits.dtype)
    loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none").masked_fill(ignored, 0).flatten(1)
    progress = min(1.0, step / hard_step) if hard_step > 0 else 1.0
    # the brackets matter: 0.15 + 1 - 1 is less than 0.15 in floating point
    count = int((progress * HARDEST + (1 - progress)) * loss.shape[1])
    return torch.topk(loss, max(1, count), dim=1).values.mean(1)
