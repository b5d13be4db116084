"""The audio branch: which classes sound in each second (LU-AVS, supplementary text: VGGish and two subsequent MLPs)."""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from avseg.models.lu_avs.recipe import Recipe
from avseg.utils.choices import check_choice

Heads = Literal["mlp", "two_heads"]


class AudioBranch(nn.Module):
    """Classifies every second of sound, several classes at once.

    The whole branch is trained, VGGish too. Its weights are filled by
    `avseg.audio.vggish_weights.load_vggish_weights` on `branch.encoder`; the paper's,
    pre-trained on VGGSound, are not public.

    Args:
        num_classes: K.
        encoder: turns items of the front end (B, S, *shape) into embeddings (B, S, dim).
        heads: the two readings of "two subsequent MLPs": "mlp", one after the other, 128 -> hidden -> K; or
            "two_heads", side by side: one tells the class c_k, one the presence s of any sound at all, and class k
            sounds with probability sigmoid(c_k) sigmoid(s).
        hidden: width of the hidden layers.
        dim: length of an embedding.

    Raises:
        UserError: unknown heads.
    """

    recipe: ClassVar = Recipe(
        epochs=60,
        lr=1e-3,
        backbone_lr=1e-3,
        weight_decay=0.01,
        decay_norms=True,
        gradient_clip=1.0,  # the paper names none, but so high a rate on all of VGGish needs one
        backbone="encoder.",
    )

    def __init__(
        self, num_classes: int, encoder: nn.Module, heads: Heads = "mlp", hidden: int = 128, dim: int = 128
    ) -> None:
        super().__init__()
        check_choice("model.heads", heads, get_args(Heads))
        self.encoder = encoder
        self.classes = _mlp(dim, hidden, num_classes)
        self.presence = _mlp(dim, hidden, 1) if heads == "two_heads" else None

    def forward(self, patches: Tensor) -> Tensor:
        """Log-mel patches (B, S, 1, 96, 64), one per second, to logits (B, S, K); their sigmoid is the probability."""
        embeddings = self.encoder(patches)
        classes: Tensor = self.classes(embeddings)
        return classes if self.presence is None else logit_of_product(classes, self.presence(embeddings))


def logit_of_product(one: Tensor, other: Tensor) -> Tensor:
    """The logit of sigmoid(`one`) sigmoid(`other`), without leaving the log space.

    p = 1 / ((1 + e^-a) (1 + e^-b)), so p / (1 - p) = 1 / (e^-a + e^-b + e^-(a+b)).
    """
    both = one + other
    return -torch.stack([-one.expand_as(both), -other.expand_as(both), -both]).logsumexp(0)


def _mlp(dim: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
