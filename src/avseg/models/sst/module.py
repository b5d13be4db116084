"""The reconstruction of SST in training, evaluation and prediction; no sound is read."""

from collections.abc import Mapping

from torch import Tensor

from avseg.data.clip import Clip
from avseg.models.base import AVSegModule, BuildContext, Losses, LossTerm, Prediction
from avseg.models.sst.config import SSTConfig
from avseg.models.sst.loss import hardest_pixels_loss
from avseg.models.sst.network import SSTReconstruction
from avseg.models.sst.schedule import rate_factor
from avseg.models.sst.weights import load_official, to_official
from avseg.nn.normalise import normalise


class SSTModule(AVSegModule):
    """Trains an `SSTReconstruction` on the hardest pixels of each annotated frame."""

    config: SSTConfig

    def __init__(self, config: SSTConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        backbone = context.backbone
        assert backbone is not None
        self.net = SSTReconstruction(
            backbone.name,
            config.channels,
            config.width,
            config.features,
            config.heads,
            config.layers,
            pretrained=backbone.pretrained if context.pretrained else False,
        )

    def encode(self, frames: Tensor) -> Tensor:
        """Segment frames (B, T, 3, H, W) uint8: logits (B, T, 1, H, W)."""
        logits: Tensor = self.net(normalise(frames))
        return logits

    def decode(self, features: Tensor, clip: Clip) -> Prediction:
        """Return the same under every sound."""
        return Prediction(features)

    def loss(self, prediction: Prediction, clip: Clip) -> Losses:
        """Mean over the annotated frames of the cross-entropy of the hardest pixels."""
        logits = prediction.logits[:, :, 0][clip.annotated]  # (N, H, W)
        hard_step = self.config.hard_share * self._steps
        values = hardest_pixels_loss(logits, clip.masks[clip.annotated], self.global_step, hard_step)
        return Losses({"hardest_pixels": LossTerm(values.mean())})

    def learning_rate_factor(self, epoch: int, step: int) -> float:
        """Linear rise, then a polynomial down to the end of the training."""
        return rate_factor(step / self._steps, self.config.warm_up, self.config.power)

    @property
    def _steps(self) -> int:
        """Optimizer steps of the whole training."""
        return max(1, int(self.trainer.estimated_stepping_batches))

    def import_weights(self, official: Mapping[str, Tensor]) -> None:
        """Load weights with the names of CFBI and of the released attention."""
        load_official(self.net, official)

    def export_weights(self) -> dict[str, Tensor]:
        """The weights with the same names."""
        return to_official(self.net)
