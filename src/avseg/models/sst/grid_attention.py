"""The sparse attention of SST, as released.

Duke et al., "SSTVOS: Sparse Spatiotemporal Transformers for Video Object Segmentation", CVPR 2021. Each cell of a video
attends to its row, its column and its own position in the other frames.

The Z = W + H + T - 2 keys of a cell (t, y, x) are, in this order, the row (itself included), the column without itself
and the other frames.
"""

import torch
from torch import Tensor, nn


def grid_scores(query: Tensor, key: Tensor) -> Tensor:
    """Compute the products (N, Z, T, H, W) of queries and keys (N, C, T, H, W), without a scale."""
    row = torch.einsum("nctyx,nctyi->nityx", query, key)
    column = torch.einsum("nctyx,nctjx->njtyx", query, key)
    time = torch.einsum("nctyx,nckyx->nktyx", query, key)
    return torch.cat((row, _without_self(column, 3), _without_self(time, 2)), 1)


def grid_sum(weights: Tensor, value: Tensor) -> Tensor:
    """Sum values (N, C, T, H, W) with the weights (N, Z, T, H, W) of each cell's keys into (N, C, T, H, W)."""
    length, height, width = value.shape[2:]
    row, column, time = torch.split(weights, [width, height - 1, length - 1], dim=1)
    summed = torch.einsum("nityx,nctyi->nctyx", row, value)
    summed = summed + torch.einsum("njtyx,nctjx->nctyx", _with_self(column, 3), value)
    return summed + torch.einsum("nktyx,nckyx->nctyx", _with_self(time, 2), value)


def grid_affinity(attention: Tensor, marked: Tensor) -> Tensor:
    """Compute each cell's largest weight on a marked cell (N, heads, T, H, W).

    Args:
        attention: weights (N, heads, Z, T, H, W).
        marked: (N, T, H, W), 1 where a cell is on the object, 0 elsewhere and in frames without a mask.
    """
    ones = torch.ones_like(marked)[:, None]
    keys = grid_scores(ones, marked[:, None])  # (N, Z, T, H, W): what each key is marked with
    return (attention * keys[:, None]).amax(2)


class GridAttention(nn.Module):
    """Multi-head attention over the grid; the modules have the names of the released code."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attnweight = nn.ModuleDict({"query_conv": _pointwise(channels), "key_conv": _pointwise(channels)})
        self.attnmap = nn.ModuleDict({"value_conv": _pointwise(channels)})
        self.outconv = _pointwise(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Let the cells of (N, C, T, H, W) attend to each other."""
        attention = self.attend(x).flatten(0, 1)  # (N * heads, Z, T, H, W)
        mixed = grid_sum(attention, self._split(self.attnmap["value_conv"](x)))  # (N * heads, C / heads, T, H, W)
        out: Tensor = self.outconv(mixed.reshape(x.shape))
        return out

    def attend(self, x: Tensor) -> Tensor:
        """Compute the weights (N, heads, Z, T, H, W) of (N, C, T, H, W); they sum to 1 over Z."""
        query = self._split(self.attnweight["query_conv"](x))
        key = self._split(self.attnweight["key_conv"](x))
        weights = grid_scores(query, key).softmax(1)
        return weights.unflatten(0, (len(x), self.heads))  # type: ignore[no-untyped-call, no-any-return]

    def _split(self, x: Tensor) -> Tensor:
        """Cut the channels of (N, C, T, H, W) into consecutive heads (N * heads, C / heads, T, H, W)."""
        return x.reshape(len(x) * self.heads, -1, *x.shape[2:])


def _pointwise(channels: int) -> nn.Conv3d:
    return nn.Conv3d(channels, channels, 1)


def _without_self(scores: Tensor, axis: int) -> Tensor:
    """Leave out of dimension 1 of (N, K, T, H, W) the key at a cell's own position along `axis`."""
    index = _others(scores, axis)
    return scores.gather(1, index)


def _with_self(weights: Tensor, axis: int) -> Tensor:
    """Put the weight 0 where `_without_self` left a key out."""
    shape = (len(weights), weights.shape[1] + 1, *weights.shape[2:])
    return weights.new_zeros(shape).scatter(1, _others(weights, axis), weights)


def _others(x: Tensor, axis: int) -> Tensor:
    """Index the positions along `axis` but a cell's own, (N, size - 1, T, H, W), in rising order."""
    size = x.shape[axis]
    position = torch.arange(size, device=x.device)
    keys = torch.arange(size - 1, device=x.device)[:, None]
    index = keys + (keys >= position)  # (size - 1, size)
    shape = [1, size - 1, 1, 1, 1]
    shape[axis] = size
    return index.view(shape).expand(len(x), -1, *x.shape[2:])
