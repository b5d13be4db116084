"""The example's model: two convolutions on the frames, modulated by the sound of each second (FiLM)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avseg.data.clip import Clip
from avseg.models.base import AVSegModule, BuildContext, Losses, LossTerm, Prediction
from avseg.nn.normalise import normalise
from avseg_example.config import ExampleConfig


class ExampleNetwork(nn.Module):
    """Frames (B, T, 3, H, W) and embeddings (B, T, dim) to logits (B, T, 1, H, W)."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, width, 5, padding=2)
        self.modulation = nn.Linear(dim, 2 * width)
        self.head = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, frames: Tensor, embedding: Tensor) -> Tensor:
        """Scale and shift the features of each frame by its sound."""
        features = F.relu(self.features(frames.flatten(0, 1)))  # (B * T, width, H, W)
        scale, shift = self.modulation(embedding).flatten(0, 1)[..., None, None].chunk(2, dim=1)
        logits = self.head(F.relu(features * scale + shift))
        return logits.unflatten(0, frames.shape[:2])


class ExampleModule(AVSegModule):
    """Binary cross-entropy and a penalty on the marked area."""

    config: ExampleConfig

    def __init__(self, config: ExampleConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        assert self.frontend is not None
        self.audio_encoder = self.make_audio_encoder()
        self.net = ExampleNetwork(config.width, self.frontend.dim)

    def forward(self, clip: Clip) -> Prediction:
        """Segment a batch of clips."""
        return Prediction(self.net(normalise(clip.frames), self.audio_encoder(clip.sound)))

    def loss(self, prediction: Prediction, clip: Clip) -> Losses:
        """Mean over the annotated frames of both terms."""
        logits = prediction.logits[:, :, 0][clip.annotated]  # (N, H, W)
        target = clip.masks[clip.annotated].float()
        area = torch.sigmoid(logits).mean()
        return Losses(
            {
                "bce": LossTerm(F.binary_cross_entropy_with_logits(logits, target)),
                "area": LossTerm(area, weight=self.config.area_weight),
            }
        )
