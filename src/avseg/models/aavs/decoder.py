"""The masked-attention decoder of Mask2Former with queries that the sound prompts (AAVS), on layers of `transformers`.

The arithmetic is that of `Mask2FormerTransformerModule`, whose forward pass takes neither a prompt nor a first mask;
attention weights, which nothing reads, are not computed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

# the first keys of the decoder have stride 32
LEVELS = 3


class PixelFeatures(NamedTuple):
    """Output of the pixel encoder: mask features at stride 4 and three levels, coarse first, all (N, D, h, w)."""

    mask_features: Tensor
    levels: tuple[Tensor, ...]


class QueryLayer(NamedTuple):
    """Prediction of the queries after one decoder layer: class logits (N, Q, C + 1) and mask logits (N, Q, h, w)."""

    class_logits: Tensor
    mask_logits: Tensor


class Keys(NamedTuple):
    """One level of pixels as keys: values and positions (S, N, D), height and width with S = h * w."""

    values: Tensor
    positions: Tensor
    size: tuple[int, int]


def level_keys(transformer: Any, features: PixelFeatures) -> list[Keys]:
    """Flatten the three levels and compute their sine positions."""
    keys: list[Keys] = []
    for index, level in enumerate(features.levels):
        values = transformer.input_projections[index](level).flatten(2)  # (N, D, S)
        values = values + transformer.level_embed.weight[index][:, None]
        # one image: the positions of all are equal
        positions = transformer.position_embedder((1, *level.shape[1:]), level.device, level.dtype).flatten(2)
        size = (level.shape[-2], level.shape[-1])
        keys.append(Keys(values.permute(2, 0, 1), positions.permute(2, 0, 1).expand(-1, len(level), -1), size))
    return keys


def decode_queries(
    transformer: Any,  # Mask2FormerTransformerModule
    content: Tensor,
    keys: list[Keys],
    mask_features: Tensor,
    first_closed: Tensor | None = None,
    *,
    classify: Callable[[Tensor], Tensor],
    auxiliary: bool,
) -> list[QueryLayer]:
    """Run the decoder layers.

    Args:
        transformer: holds layers, query positions and mask head.
        content: queries (Q, N, D).
        keys: of the three levels.
        mask_features: (N, D, h, w).
        first_closed: (N, S) bool, keys that the first layer may not attend to; None for the queries' own first masks.
        classify: the class head, (N, Q, D) to (N, Q, C + 1).
        auxiliary: also return the predictions before and after each earlier layer, which the loss reads.

    Returns:
        Predictions, the last layer's last.
    """
    decoder = transformer.decoder
    positions = transformer.queries_embedder.weight[:, None].expand_as(content)  # (Q, N, D)
    heads = decoder.mask_predictor.num_heads
    predictions: list[QueryLayer] = []
    hidden = content
    for index in range(len(decoder.layers) + 1):
        normed = decoder.layernorm(hidden).transpose(0, 1)  # (N, Q, D)
        last = index == len(decoder.layers)
        mask_logits = torch.einsum(
            "nqd,ndhw->nqhw", decoder.mask_predictor.mask_embedder(normed), mask_features
        )  # (N, Q, h, w)
        if last or auxiliary:
            predictions.append(QueryLayer(classify(normed), mask_logits))
        if last:
            break
        level = keys[index % LEVELS]
        if index == 0 and first_closed is not None:
            closed = first_closed[:, None].expand(-1, len(content), -1)  # (N, Q, S)
        else:
            closed = closed_keys(mask_logits, level.size)
        closed = closed & ~closed.all(dim=-1, keepdim=True)  # nothing open: everything is
        hidden = _decoder_layer(decoder.layers[index], hidden, positions, level, closed.repeat_interleave(heads, dim=0))
    return predictions


def closed_keys(mask_logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the keys (N, Q, S) outside of each query's mask, at the size of a level."""
    resized = F.interpolate(mask_logits.detach(), size, mode="bilinear", align_corners=False)
    return resized.sigmoid().flatten(2) < 0.5


def _decoder_layer(layer: Any, hidden: Tensor, positions: Tensor, level: Keys, closed: Tensor) -> Tensor:
    """Cross-attention to the open keys, self-attention, feed-forward, post-norm: (Q, N, D) to (Q, N, D)."""
    attended, _ = layer.cross_attn(
        hidden + positions, level.values + level.positions, level.values, attn_mask=closed, need_weights=False
    )
    hidden = layer.cross_attn_layer_norm(hidden + attended)
    attended, _ = layer.self_attn(hidden_states=hidden, position_embeddings=positions)
    hidden = layer.self_attn_layer_norm(hidden + attended)
    output: Tensor = layer.final_layer_norm(hidden + layer.fc2(layer.activation_fn(layer.fc1(hidden))))
    return output
