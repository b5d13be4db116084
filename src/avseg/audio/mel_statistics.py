"""A sound embedding without pretrained weights: the level of each mel band and how much it changes."""

import torch
from torch import Tensor, nn

# ln(mel + 0.01) ranges from -4.6 (silence) to about 4; these bring usual sounds near zero mean and unit variance
LEVEL_MEAN = -2.0
LEVEL_SCALE = 2.0
CHANGE_MEAN = 1.0
CHANGE_SCALE = 1.0


class MelStatistics(nn.Module):
    """Mean and standard deviation of the 64 mel bands over the 96 steps of a patch: 128 numbers per second.

    A replacement for `VGGish` where its weights are not available. It separates sounds by their spectrum, but not by
    their meaning. `hidden` is the width of a small trainable network after the statistics, ending in a ReLU; 0 for
    none.
    """

    def __init__(self, hidden: int = 0) -> None:
        super().__init__()
        self.network: nn.Module = nn.Identity()
        if hidden:
            self.network = nn.Sequential(nn.Linear(128, hidden), nn.ReLU(), nn.Linear(hidden, 128), nn.ReLU())

    def forward(self, patches: Tensor) -> Tensor:
        """Embed log-mel patches (B, T, 1, 96, 64) into (B, T, 128)."""
        bands = patches.squeeze(2)  # (B, T, 96, 64)
        level = (bands.mean(2) - LEVEL_MEAN) / LEVEL_SCALE  # (B, T, 64)
        change = (bands.std(2, correction=0) - CHANGE_MEAN) / CHANGE_SCALE  # (B, T, 64)
        embeddings: Tensor = self.network(torch.cat([level, change], -1))
        return embeddings
