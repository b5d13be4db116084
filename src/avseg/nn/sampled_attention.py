"""The sampling step of multi-scale deformable attention (Zhu et al., Deformable DETR, 2021).

On a CPU without gradients a sampled value is a weighted sum of rows of a table: torch's `embedding_bag` computes it in
one pass, without a copy of the values per level and without a tensor of all samples.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SampledAttention(nn.Module):
    """Replaces `MultiScaleDeformableAttention` of `transformers`: the same arguments, the same values."""

    def forward(
        self,
        value: Tensor,
        value_spatial_shapes: Tensor,
        value_spatial_shapes_list: Sequence[tuple[int, int]],
        level_start_index: Tensor,
        sampling_locations: Tensor,
        attention_weights: Tensor,
        im2col_step: int = 64,
    ) -> Tensor:
        """Sum samples of `value`.

        Args:
            value: (N, S, heads, D), the pixels of all levels.
            value_spatial_shapes: (levels, 2), height and width.
            value_spatial_shapes_list: the same as numbers.
            level_start_index: (levels,), position of each level's first pixel.
            sampling_locations: (N, Q, heads, levels, points, 2), x and y in 0 to 1; outside are zeros.
            attention_weights: (N, Q, heads, levels, points).
            im2col_step: not used.

        Returns:
            (N, Q, heads * D).
        """
        if value.device.type == "cpu" and value.dtype == torch.float32 and not torch.is_grad_enabled():
            return _from_table(value, value_spatial_shapes, level_start_index, sampling_locations, attention_weights)
        return _from_grids(value, value_spatial_shapes_list, sampling_locations, attention_weights)


def _from_table(value: Tensor, shapes: Tensor, starts: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    count, pixels, heads, width = value.shape
    queries = locations.shape[1]
    sizes = shapes[:, None]  # (levels, 1, 2)
    position_y = locations[..., 1] * sizes[..., 0] - 0.5  # (N, Q, heads, levels, points)
    position_x = locations[..., 0] * sizes[..., 1] - 0.5
    rows, row_weights = _neighbours(position_y, sizes[..., 0])  # two each
    columns, column_weights = _neighbours(position_x, sizes[..., 1])
    first = torch.arange(count)[:, None, None] * (pixels * heads) + torch.arange(heads)  # (N, 1, heads)
    indices: list[Tensor] = []
    factors: list[Tensor] = []
    for row, row_weight in zip(rows, row_weights, strict=True):
        line = starts[:, None] + row * sizes[..., 1]
        weighted = row_weight * weights
        for column, column_weight in zip(columns, column_weights, strict=True):
            indices.append((line + column) * heads + first[..., None, None])
            factors.append(weighted * column_weight)
    index = torch.stack(indices, dim=-1).flatten(3).flatten(0, 2)  # one bag per query and head
    factor = torch.stack(factors, dim=-1).flatten(3).flatten(0, 2)
    table = value.reshape(count * pixels * heads, width)
    return F.embedding_bag(index, table, per_sample_weights=factor, mode="sum").view(count, queries, heads * width)


def _neighbours(position: Tensor, length: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return the two pixels next to a position and their bilinear weights, 0 outside of 0 to `length` - 1."""
    lower = position.floor()
    fraction = position - lower
    pixels: list[Tensor] = []
    weights: list[Tensor] = []
    for pixel, weight in ((lower, 1 - fraction), (lower + 1, fraction)):
        inside = (pixel >= 0) & (pixel < length)
        pixels.append((pixel * inside).long())
        weights.append(weight * inside)
    return pixels, weights


def _from_grids(value: Tensor, shapes: Sequence[tuple[int, int]], locations: Tensor, weights: Tensor) -> Tensor:
    count, _, heads, width = value.shape
    queries = locations.shape[1]
    grids = (2 * locations - 1).transpose(1, 2).flatten(0, 1)  # (N heads, Q, levels, points, 2)
    samples: list[Tensor] = []
    areas = [height * columns for height, columns in shapes]
    for level, (level_value, (height, columns)) in enumerate(
        zip(torch.split(value, areas, dim=1), shapes, strict=True)
    ):
        plane = level_value.permute(0, 2, 3, 1).reshape(count * heads, width, height, columns)
        # (N heads, D, Q, points)
        samples.append(F.grid_sample(plane, grids[:, :, level], "bilinear", "zeros", align_corners=False))
    factors = weights.transpose(1, 2).flatten(3).flatten(0, 1)[:, None]  # (N heads, 1, Q, levels points)
    mixed = (torch.cat(samples, dim=-1) * factors).sum(-1)  # (N heads, D, Q)
    return mixed.view(count, heads * width, queries).transpose(1, 2).contiguous()
