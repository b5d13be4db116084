"""The audio queries: the sound of a frame becomes Q query vectors (AVSegFormer, section 3.3)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avseg.nn.cpu_kernels import linear


class Attention(nn.Module):
    """Multi-head attention without biases; the parameters have the names of `nn.MultiheadAttention`."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * channels, channels))
        self.out_proj = nn.Linear(channels, channels, bias=False)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, x: Tensor) -> Tensor:
        """Let tokens (N, L, C) attend to each other."""
        shape = (*x.shape[:2], 3, self.heads, x.shape[-1] // self.heads)
        # (N, heads, L, C / heads) each
        query, key, value = linear(x, self.in_proj_weight).view(shape).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        projected: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return projected

    def from_one_token(self, token: Tensor) -> Tensor:
        """Attend to a single token (N, 1, C): its weight is 1 for every query, so that the value alone counts."""
        value_weight = self.in_proj_weight.chunk(3)[2]
        projected: Tensor = self.out_proj(F.linear(token, value_weight))  # (N, 1, C)
        return projected


class QueryLayer(nn.Module):
    """Self-attention of the queries, cross-attention to the one sound token, feed-forward; each followed by a norm."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.self_attn = Attention(channels, heads)
        self.cross_attn = Attention(channels, heads)
        self.ffn = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels))
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.norm3 = nn.LayerNorm(channels)

    def forward(self, queries: Tensor, sound: Tensor) -> Tensor:
        """Update queries (N or 1, Q, C) by the sound (N, 1, C) into (N, Q, C)."""
        queries = self.norm1(queries + self.self_attn(queries))
        queries = self.norm2(queries + self.cross_attn.from_one_token(sound))
        updated: Tensor = self.norm3(queries + self.ffn(queries))
        return updated


class AttentionQueries(nn.Module):
    """Learned queries that attend to each other and to the sound (the files of 2023-08)."""

    def __init__(self, channels: int, heads: int, queries: int, layers: int) -> None:
        super().__init__()
        self.query = nn.Embedding(queries, channels)
        self.layers = nn.ModuleList(QueryLayer(channels, heads) for _ in range(layers))

    def forward(self, sound: Tensor) -> Tensor:
        """Make queries (N, Q, C) of the sound (N, 1, C)."""
        queries = self.query.weight[None]  # (1, Q, C): the first self-attention is the same for all frames
        for layer in self.layers:
            queries = layer(queries, sound)  # (N, Q, C)
        return queries.expand(len(sound), -1, -1)


class RepeatedQueries(nn.Module):
    """The sound itself, once per query (the files of 2023-05)."""

    def __init__(self, queries: int) -> None:
        super().__init__()
        self.queries = queries

    def forward(self, sound: Tensor) -> Tensor:
        """Repeat the sound (N, 1, C) as (N, Q, C)."""
        return sound.expand(-1, self.queries, -1)
