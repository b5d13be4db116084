"""The loss of AAVS: Mask2Former's, with every class of a frame, background too, as a target."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from avseg.models.aavs.decoder import QueryLayer

WEIGHTS = {"class": 2.0, "mask": 5.0, "dice": 5.0}
MATCHING_CLASS_COST = 1.0
NAMES = {"class": "loss_cross_entropy", "mask": "loss_mask", "dice": "loss_dice"}  # of the library


class QueryMaskLoss(nn.Module):
    """Match queries with the classes of each frame; compute class, mask and dice loss at random points.

    The loss is that of `transformers`, with its defaults: a query without a target is "no object" (weight 0.1), three
    quarters of the points are the most uncertain ones of three times as many. Points come from torch's generator.
    The authors use transformers 4.35, which matches with a class cost of 1; later versions take the weight 2 of the
    class loss.
    """

    def __init__(self, num_labels: int, points: int = 12544) -> None:
        super().__init__()
        from transformers import Mask2FormerConfig
        from transformers.models.mask2former.modeling_mask2former import Mask2FormerLoss

        config = Mask2FormerConfig(num_labels=num_labels, train_num_points=points)
        self.criterion = Mask2FormerLoss(config, weight_dict={})
        self.criterion.matcher.cost_class = MATCHING_CLASS_COST
        # constant: no part of checkpoints
        self.criterion.register_buffer("empty_weight", self.criterion.empty_weight, persistent=False)

    def forward(self, layers: Sequence[QueryLayer], labels: Tensor) -> dict[str, Tensor]:
        """Compute the terms "class", "mask" and "dice", each the sum over the layers without its weight in `WEIGHTS`.

        Args:
            layers: predictions of N frames, those of the last decoder layer last.
            labels: (N, H, W) class index of each pixel.
        """
        masks: list[Tensor] = []
        classes: list[Tensor] = []
        for frame in labels:
            present = frame.unique().long()  # (C,)
            classes.append(present)
            masks.append((frame == present[:, None, None]).float())  # (C, H, W)
        last = layers[-1]
        auxiliary = [
            {"class_queries_logits": layer.class_logits, "masks_queries_logits": layer.mask_logits}
            for layer in layers[:-1]
        ]
        losses: dict[str, Tensor] = self.criterion(
            last.mask_logits, last.class_logits, masks, classes, auxiliary_predictions=auxiliary
        )
        terms: dict[str, Tensor] = {}
        for term, name in NAMES.items():
            terms[term] = torch.stack([value for key, value in losses.items() if key.startswith(name)]).sum()
        return terms


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw from generators of this seed inside the block, and go on with the former ones after it."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def weighted_sum(terms: dict[str, Tensor]) -> Tensor:
    """Return the published loss of the terms."""
    return torch.stack([WEIGHTS[name] * value for name, value in terms.items()]).sum()
