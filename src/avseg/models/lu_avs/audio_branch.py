"""The audio branch: the sounding classes of each second (LU-AVS, supplementary text: VGGish and two MLPs)."""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from avseg.utils.choices import check_choice

Heads = Literal["mlp", "two_heads"]


class AudioBranch(nn.Module):
    """Classifies every second of sound, several classes at once; an embedding has `dim` numbers.

    The whole branch is trained, the encoder too. The paper's VGGish weights, from VGGSound, are not public. `heads` are
    the two readings of "two subsequent MLPs": "mlp", in sequence, dim -> hidden -> K; or "two_heads", in parallel: one
    predicts the class c_k, one the presence s of any sound, and class k sounds with probability sigmoid(c_k)
    sigmoid(s).
    """

    backbone_prefix: ClassVar[str] = "encoder."
    decays_norms: ClassVar[bool] = True

    def __init__(
        self, num_classes: int, encoder: nn.Module, heads: Heads = "mlp", hidden: int = 128, dim: int = 128
    ) -> None:
        super().__init__()
        check_choice("model.heads", heads, get_args(Heads))
        self.encoder = encoder
        self.classes = _mlp(dim, hidden, num_classes)
        self.presence = _mlp(dim, hidden, 1) if heads == "two_heads" else None

    def forward(self, items: Tensor) -> Tensor:
        """Compute logits (B, S, K) of items of the front end (B, S, *shape), one per second."""
        embeddings = self.encoder(items)  # (B, S, dim)
        classes: Tensor = self.classes(embeddings)  # (B, S, K)
        return classes if self.presence is None else logit_of_product(classes, self.presence(embeddings))


def logit_of_product(a: Tensor, b: Tensor) -> Tensor:
    """Compute the logit of sigmoid(a) sigmoid(b) in log space.

    p = 1 / ((1 + e^-a) (1 + e^-b)), so p / (1 - p) = 1 / (e^-a + e^-b + e^-(a+b)).
    """
    total = a + b
    return -torch.stack([-a.expand_as(total), -b.expand_as(total), -total]).logsumexp(0)


def _mlp(dim: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
