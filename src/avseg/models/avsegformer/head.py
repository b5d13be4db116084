"""Audio-visual mixer and mask head (AVSegFormer, sections 3.2 and 3.4)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avseg.nn.cpu_kernels import linear
from avseg.nn.upsampled_conv import conv_of_upsampled

# of the last ReLU, for narrow networks: all of a handful of units die early in training, and the mask stays empty
_MIN_UNITS = 16


class Mixer(nn.Module):
    """The sound attends to the pixels of its frame; the result is one gate in 0 to 1 per channel."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(channels, channels, bias=False)
        self.kv_proj = nn.Linear(channels, 2 * channels, bias=False)
        self.proj = nn.Linear(channels, channels)

    def forward(self, pixels: Tensor, sound: Tensor) -> Tensor:
        """Gate pixels (N, P, C) by the sound (N, 1, C)."""
        query = self.q_proj(sound).view(len(sound), self.heads, 1, pixels.shape[-1] // self.heads)  # (N, heads, 1, D)
        key_weight, value_weight = self.kv_proj.weight.view(2, self.heads, -1, pixels.shape[-1])  # (heads, D, C) each
        # one query: its product with the key matrix and the mean of the pixels before the value matrix are cheaper
        # than keys and values of every pixel
        direction = (query @ key_weight)[:, :, 0]  # (N, heads, C)
        scores = direction @ pixels.transpose(1, 2)  # (N, heads, P)
        attention = (scores * query.shape[-1] ** -0.5).softmax(-1)
        mean = attention @ pixels  # (N, heads, C)
        values = torch.einsum("nhc,hdc->nhd", mean, value_weight).flatten(1)[:, None]  # (N, 1, C)
        gate: Tensor = self.proj(values).sigmoid()
        return pixels * gate


class MaskHead(nn.Module):
    """Decoded queries and mask feature become logits four times as large as the mask feature.

    The published form computes a map per query, the product of mask feature and query, and gives them to a network of
    1x1 convolutions. Here the first of these takes the queries into its weights, for each frame, and the maps are never
    made.
    """

    def __init__(self, channels: int, queries: int, num_classes: int, hidden: int) -> None:
        super().__init__()
        self.mix_queries = nn.Linear(queries, hidden)
        self.mix_hidden = nn.Linear(hidden, hidden)
        self.mix_out = nn.Linear(hidden, channels)
        self.wide = nn.Conv2d(channels, channels // 2, 3, padding=1)
        units = max(channels // 8, _MIN_UNITS)
        self.narrow = nn.Conv2d(channels // 2, units, 3, padding=1)
        self.classify = nn.Conv2d(units, num_classes, 1, bias=False)

    def forward(self, decoded: Tensor, pixels: Tensor, size: tuple[int, int]) -> Tensor:
        """Compute logits (N, K, 4h, 4w) of queries (N, Q, C) and a mask feature (N, h * w, C) of `size` (h, w)."""
        weights = self.mix_queries.weight @ decoded  # (N, hidden, C)
        # frame by frame, so that the wide maps (h * w, hidden) of an evaluation stay in the cache
        mixed = [self._mix(frame, weight) for frame, weight in zip(pixels, weights, strict=True)]
        x = pixels + (torch.stack(mixed) if mixed else pixels)  # (N, P, C)
        x = self.wide(x.transpose(1, 2).reshape(len(x), x.shape[-1], *size))  # (N, C / 2, h, w)
        x = conv_of_upsampled(x, self.narrow.weight, self.narrow.bias)  # (N, units, 4h, 4w), C / 8 as published
        logits: Tensor = self.classify(F.relu(x))  # (N, K, 4h, 4w)
        return logits

    def _mix(self, pixels: Tensor, weight: Tensor) -> Tensor:
        """Run the 1x1 convolutions on one frame (P, C), the first with the weights (hidden, C) of its queries."""
        hidden = linear(pixels, weight, self.mix_queries.bias).relu_()  # (P, hidden)
        hidden = self.mix_hidden(hidden).relu_()
        mixed: Tensor = self.mix_out(hidden)  # (P, C)
        return mixed
