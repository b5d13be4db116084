"""Loss of the audio branch: binary cross-entropy of the classes of each second (LU-AVS, supplementary text)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class SoundLoss(nn.Module):
    """Binary cross-entropy of every class in every valid second; computed in float32 also under autocast.

    `pos_weight` is the weight of a sounding class relative to a silent one (most classes are silent most of the time),
    one number or K of them; the paper has 1.

    Example:
        >>> import torch
        >>> valid = torch.ones(1, 1, dtype=torch.bool)
        >>> SoundLoss()(torch.zeros(1, 1, 2), torch.tensor([[[0.0, 1.0]]]), valid)
        tensor(0.6931)
    """

    pos_weight: Tensor

    def __init__(self, pos_weight: float | Sequence[float] = 1.0) -> None:
        super().__init__()
        self.register_buffer("pos_weight", torch.as_tensor(pos_weight, dtype=torch.float32), persistent=False)

    def forward(self, logits: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
        """Compute the mean over the valid seconds (B, S) and the classes of logits and targets (B, S, K), a scalar.

        Without any valid second it is a zero with a graph, which DDP needs.
        """
        with torch.autocast(logits.device.type, enabled=False):
            valid_logits = logits[valid].float()  # (N, K)
            if not valid_logits.shape[0]:
                return valid_logits.sum()
            return functional.binary_cross_entropy_with_logits(
                valid_logits, targets[valid].float(), pos_weight=self.pos_weight
            )
