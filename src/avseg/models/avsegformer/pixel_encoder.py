"""The pixel encoder: deformable attention over the maps of strides 8, 16 and 32 (AVSegFormer, section 3.2)."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from avseg.nn.sampled_attention import SampledAttention
from avseg.utils.extras import require_transformers

LEVELS = 3
POINTS = 4
TEMPERATURE = 10_000


class PixelEncoder(nn.Module):
    """Layers of Deformable DETR's encoder, those of `transformers`, over three maps at once.

    Raises:
        UserError: `transformers` is not installed.
    """

    def __init__(self, channels: int, heads: int, layers: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.level_embed = nn.Parameter(torch.empty(LEVELS, channels))
        self.layers = nn.ModuleList(_layer(channels, heads, feedforward, dropout) for _ in range(layers))
        self.heads = heads
        self.initialise()

    def initialise(self) -> None:
        """Draw the level embedding and the deformable attention as published."""
        nn.init.normal_(self.level_embed)
        for layer in self.layers:
            _initialise_attention(layer.self_attn, self.heads)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Encode three maps (N, C, h, w), the largest first, into tokens (N, S, C), row by row, map by map."""
        first = maps[0]
        shapes = [(level.shape[-2], level.shape[-1]) for level in maps]
        tokens = torch.cat([level.flatten(2).transpose(1, 2) for level in maps], dim=1)  # (N, S, C)
        positions: list[Tensor] = []
        references: list[Tensor] = []
        for embedding, (height, width) in zip(self.level_embed, shapes, strict=True):
            positions.append(sine_positions(height, width, first.shape[1], first.device) + embedding)
            references.append(pixel_centres(height, width, first.device))
        position = torch.cat(positions).to(tokens.dtype)[None]  # (1, S, C)
        reference = torch.cat(references)[None, :, None].expand(len(first), -1, LEVELS, -1)  # (N, S, levels, 2)
        shape_tensor = torch.tensor(shapes, device=first.device)
        areas = shape_tensor.prod(1)
        for layer in self.layers:
            tokens = layer(
                tokens,
                attention_mask=None,
                spatial_position_embeddings=position,
                reference_points=reference,
                spatial_shapes=shape_tensor,
                spatial_shapes_list=shapes,
                level_start_index=areas.cumsum(0) - areas,
            )
        return tokens


def sine_positions(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Compute sine and cosine of row (first half of the channels) and column, counted from 1: (height * width, C)."""
    half = channels // 2
    exponents = torch.arange(half, device=device).div(2, rounding_mode="floor") * (2 / half)
    periods = TEMPERATURE**exponents  # (C / 2,)
    rows = torch.arange(1, height + 1, device=device)[:, None] / periods  # (h, C / 2)
    columns = torch.arange(1, width + 1, device=device)[:, None] / periods  # (w, C / 2)
    row_code, column_code = _waves(rows), _waves(columns)
    grid = [row_code[:, None].expand(-1, width, -1), column_code[None].expand(height, -1, -1)]
    return torch.cat(grid, dim=-1).flatten(0, 1)


def pixel_centres(height: int, width: int, device: torch.device) -> Tensor:
    """Return the centre (x, y) of each pixel, in 0 to 1: (height * width, 2)."""
    y = (torch.arange(height, device=device) + 0.5) / height
    x = (torch.arange(width, device=device) + 0.5) / width
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack((grid_x, grid_y), dim=-1).flatten(0, 1)


def _waves(angles: Tensor) -> Tensor:
    """Take the sine of the even and the cosine of the odd entries of (n, c)."""
    return torch.stack((angles[:, 0::2].sin(), angles[:, 1::2].cos()), dim=-1).flatten(1)


def _layer(channels: int, heads: int, feedforward: int, dropout: float) -> Any:
    require_transformers("model=avsegformer", "avsegformer")
    from transformers import DeformableDetrConfig
    from transformers.models.deformable_detr.modeling_deformable_detr import DeformableDetrEncoderLayer

    config = DeformableDetrConfig(
        d_model=channels,
        encoder_attention_heads=heads,
        encoder_ffn_dim=feedforward,
        num_feature_levels=LEVELS,
        encoder_n_points=POINTS,
        activation_function="gelu",
        dropout=dropout,
        activation_dropout=dropout,
    )
    layer = DeformableDetrEncoderLayer(config)
    layer.self_attn.attn = SampledAttention()  # the same values, on a CPU in less time
    return layer


@torch.no_grad()
def _initialise_attention(attention: Any, heads: int) -> None:
    """Let head i look in direction i, its points 1, 2, 3 and 4 pixels away, all with equal weight."""
    angles = torch.arange(heads) * (2 * math.pi / heads)
    directions = torch.stack((angles.cos(), angles.sin()), dim=-1)
    directions = directions / directions.abs().amax(-1, keepdim=True)  # (heads, 2)
    distances = torch.arange(1, POINTS + 1)[:, None]
    offsets = directions[:, None, None] * distances  # (heads, 1, points, 2)
    attention.sampling_offsets.weight.zero_()
    attention.sampling_offsets.bias.copy_(offsets.expand(-1, LEVELS, -1, -1).flatten())
    attention.attention_weights.weight.zero_()
    attention.attention_weights.bias.zero_()
    for projection in (attention.value_proj, attention.output_proj):
        nn.init.xavier_uniform_(projection.weight)
        nn.init.zeros_(projection.bias)
