"""Reading a memory: the anisotropic L2 similarity and the top-k softmax (XMem, section 3.3, equations 2 to 5)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

# number of queries compared with the memory at once; bounds the temporary memory
QUERIES_AT_ONCE = 512


class Affinity(NamedTuple):
    """The memory elements that each query cell reads, best first; all others have the affinity 0.

    Positions in the memory (Q, k) int64, and weights (Q, k), a softmax over the k most similar elements.
    """

    position: Tensor
    weight: Tensor

    def read(self, values: Tensor) -> Tensor:
        """Sum values (N, C) by their weight into (Q, C)."""
        return F.embedding_bag(self.position, values, per_sample_weights=self.weight, mode="sum")


def similarity(key: Tensor, shrinkage: Tensor, query: Tensor, selection: Tensor) -> Tensor:
    """Compute the anisotropic L2 similarity (Q, N): -shrinkage * sum_c selection_c * (key_c - query_c)^2 / sqrt(CK).

    Of the memory keys (N, CK) and shrinkage (N,), of the queries (Q, CK) and their selection (Q, CK).
    """
    # expand the square: the differences of all pairs would take CK times the memory
    selected = query * selection
    # s (k - q)^2 = 2 s q k - s k^2 - s q^2, the last term per query
    scores = torch.cat([2 * selected, -selection], 1) @ torch.cat([key, key.square()], 1).T
    return scores.sub_((selected * query).sum(1, keepdim=True)).mul_(shrinkage / math.sqrt(key.shape[1]))


def top_k_affinity(key: Tensor, shrinkage: Tensor, query: Tensor, selection: Tensor, k: int) -> Affinity:
    """Compare each query with the memory, as `similarity`, and keep the k most similar elements (or all)."""
    positions: list[Tensor] = []
    weights: list[Tensor] = []
    for start in range(0, len(query), QUERIES_AT_ONCE):
        chunk = slice(start, start + QUERIES_AT_ONCE)
        best = similarity(key, shrinkage, query[chunk], selection[chunk]).topk(min(k, len(key)), dim=1)
        positions.append(best.indices)
        weights.append(best.values.softmax(1))
    return Affinity(torch.cat(positions), torch.cat(weights))
