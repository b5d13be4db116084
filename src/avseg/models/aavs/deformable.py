"""Multi-scale deformable attention without padding, as `transformers` computes it but level by level.

The library joins the samples of all levels before it weighs them: a copy of everything that was sampled, for nothing.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class DeformableAttention(nn.Module):
    """Takes the layers of a `Mask2FormerPixelDecoderEncoderMultiscaleDeformableAttention`, under the same names."""

    def __init__(self, library: Any) -> None:
        super().__init__()
        self.sampling_offsets: nn.Linear = library.sampling_offsets
        self.attention_weights: nn.Linear = library.attention_weights
        self.value_proj: nn.Linear = library.value_proj
        self.output_proj: nn.Module = library.output_proj
        self.heads, self.levels, self.points = library.n_heads, library.n_levels, library.n_points

    def forward(
        self,
        hidden_states: Tensor,  # queries (N, S, D), S pixels of all levels
        encoder_hidden_states: Tensor,  # values (N, S, D)
        position_embeddings: Tensor,  # of the queries (N, S, D)
        reference_points: Tensor,  # x and y of each query on each level (N, S, L, 2), 0 to 1
        spatial_shapes_list: Sequence[tuple[int, int]],  # height and width of each level
        **unused: Any,  # padding masks, of which there are none here
    ) -> tuple[Tensor, None]:
        """Compute the attention (N, S, D) of each pixel to a few points on each level."""
        count, pixels, width = hidden_states.shape
        queries = hidden_states + position_embeddings
        shape = (count, pixels, self.heads, self.levels, self.points)
        offsets = self.sampling_offsets(queries).view(*shape, 2)
        weights = self.attention_weights(queries).view(*shape[:3], -1).softmax(-1).view(shape)
        values = self.value_proj(encoder_hidden_states).view(count, pixels, self.heads, -1)
        attended: Tensor | None = None
        sizes = [height * columns for height, columns in spatial_shapes_list]
        for level, level_values in enumerate(values.split(sizes, dim=1)):
            height, columns = spatial_shapes_list[level]
            maps = level_values.permute(0, 2, 3, 1).reshape(count * self.heads, -1, height, columns)
            scale = offsets.new_tensor([columns, height])
            points = reference_points[:, :, None, level, None]  # (N, S, 1, 1, 2)
            locations = points + offsets[:, :, :, level] / scale  # (N, S, heads, P, 2)
            grid = (2 * locations - 1).transpose(1, 2).flatten(0, 1)  # (N * heads, S, P, 2)
            samples = F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
            level_weights = weights[:, :, :, level].transpose(1, 2).flatten(0, 1)[:, None]  # (N * heads, 1, S, P)
            level_output = (samples * level_weights).sum(-1)  # (N * heads, D / heads, S)
            attended = level_output if attended is None else attended + level_output
        assert attended is not None
        output: Tensor = self.output_proj(attended.view(count, width, pixels).transpose(1, 2))
        return output, None
