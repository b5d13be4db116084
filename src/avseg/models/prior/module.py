"""One map for all frames, learned from the masks: where objects sound, whatever is seen and heard."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseg.data.clip import Clip
from avseg.models.base import BuildContext, Losses, LossTerm, Prediction
from avseg.models.localisation.maps import MapModule
from avseg.models.localisation.scores import map_logits, stretch, upper_half
from avseg.models.prior.config import PriorConfig


class PriorModule(MapModule):
    """The chance level of LVS and MSSL: the same map in every frame, scored as theirs are."""

    config: PriorConfig
    rule_name = "upper half of the pixels"

    def __init__(self, config: PriorConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.cells = nn.Parameter(torch.zeros(1, 1, config.cells, config.cells))

    @staticmethod
    def rule(maps: Tensor) -> Tensor:
        """Mark the upper half of the pixels, as LVS does."""
        return upper_half(maps)

    def forward(self, clip: Clip) -> Prediction:
        """Return the map, stretched to [0, 1], for every frame."""
        batch, length, _, height, width = clip.frames.shape
        prior = functional.interpolate(self.cells, (height, width), mode="bilinear", align_corners=False)
        logits = map_logits(stretch(prior[0].sigmoid()))  # (1, H, W)
        return Prediction(logits.expand(batch, length, 1, height, width), prior)

    def loss(self, prediction: Prediction, clip: Clip) -> Losses:
        """The binary cross-entropy of the map with the masks of the annotated frames."""
        masks = (clip.masks[clip.annotated & clip.valid] != 0).float()  # (N, H, W)
        value = functional.binary_cross_entropy_with_logits(prediction.extra[:, 0].expand_as(masks), masks)
        return Losses({"mask_loss": LossTerm(value)})
