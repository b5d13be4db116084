"""A sound embedding that needs no weights: how loud each mel band is over a second, and how much it changes."""

import torch
from torch import Tensor, nn

# ln(mel + 0.01) lies between -4.6 (silence) and about 4: these bring usual sounds near zero mean and unit variance
LEVEL_MEAN, LEVEL_SCALE = -2.0, 2.0
CHANGE_MEAN, CHANGE_SCALE = 1.0, 1.0


class MelStatistics(nn.Module):
    """Mean and standard deviation of the 64 mel bands over the 96 steps of a patch: 128 numbers per second.

    It stands in for `VGGish` where its weights cannot be had. It tells sounds apart by their spectrum, but knows
    nothing of what sounds mean.

    Args:
        hidden: width of a small trainable network after the statistics, ending in a ReLU like VGGish; 0 for none.
    """

    def __init__(self, hidden: int = 0) -> None:
        super().__init__()
        self.network: nn.Module = nn.Identity()
        if hidden:
            self.network = nn.Sequential(nn.Linear(128, hidden), nn.ReLU(), nn.Linear(hidden, 128), nn.ReLU())

    def forward(self, patches: Tensor) -> Tensor:
        """Embeds log-mel patches (B, T, 1, 96, 64) into (B, T, 128)."""
        bands = patches.squeeze(2)
        level = (bands.mean(2) - LEVEL_MEAN) / LEVEL_SCALE
        change = (bands.std(2, correction=0) - CHANGE_MEAN) / CHANGE_SCALE
        embeddings: Tensor = self.network(torch.cat([level, change], -1))
        return embeddings
