"""The spatiotemporal transformer of the reconstruction: grid attention and feed-forward, each followed by a norm."""

import torch
from torch import Tensor, nn

from avseg.models.sst.grid_attention import GridAttention

BASE = 100  # of the released positional encoding
EXPANSION = 4
EPS = 1e-6


class FilterResponseNorm(nn.Module):
    """Divide each channel of each frame by its root mean square, then scale and shift it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, T, h, w)."""
        x = x * torch.rsqrt(x.square().mean((3, 4), keepdim=True) + EPS)
        return x * self.weight.view(-1, 1, 1, 1) + self.bias.view(-1, 1, 1, 1)


class ThresholdedNorm(FilterResponseNorm):
    """The same, followed by a learned lower limit per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.tau = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, T, h, w)."""
        return torch.maximum(super().forward(x), self.tau.view(-1, 1, 1, 1))


class Layer(nn.Module):
    """Attention and feed-forward network with residual connections (norms behind them)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.attention = GridAttention(channels, heads)
        self.norm1 = FilterResponseNorm(channels)
        self.norm2 = FilterResponseNorm(channels)
        self.fc1 = nn.Conv3d(channels, EXPANSION * channels, 1)
        self.act = ThresholdedNorm(EXPANSION * channels)
        self.fc2 = nn.Conv3d(EXPANSION * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Update (N, C, T, h, w)."""
        x = self.norm1(x + self.attention(x))
        updated: Tensor = self.norm2(x + self.fc2(self.act(self.fc1(x))))
        return updated


def positional_encoding(x: Tensor) -> Tensor:
    """Encode time, row and column of the cells of (N, C, T, h, w) as a sum, (C, T, h, w)."""
    length, height, width = x.shape[2:]
    channels = x.shape[1]
    time = _encode(length, channels, x)[:, :, None, None]
    return time + _encode(height, channels, x)[:, None, :, None] + _encode(width, channels, x)[:, None, None, :]


def _encode(count: int, channels: int, like: Tensor) -> Tensor:
    """Sines (even channels) and cosines (odd channels) of the positions 0 to count - 1, (channels, count)."""
    position = torch.arange(count, device=like.device, dtype=like.dtype)
    frequency = BASE ** (-torch.arange(0, channels, 2, device=like.device, dtype=like.dtype) / channels)
    angle = frequency[:, None] * position  # (channels / 2, count)
    return torch.stack((angle.sin(), angle.cos()), 1).flatten(0, 1)
