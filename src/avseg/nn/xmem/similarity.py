"""Reading a memory: the anisotropic L2 similarity and the top-k softmax (XMem, section 3.3, equations 2 to 5)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

# queries compared with the memory at once; bounds what is held beside the memory itself
QUERIES_AT_ONCE = 512


class Affinity(NamedTuple):
    """Which memory elements each query cell reads, best first; all else has the affinity 0.

    Attributes:
        position: (Q, k) int64, positions in the memory.
        weight: (Q, k), a softmax over the k most similar elements.
    """

    position: Tensor
    weight: Tensor

    def read(self, values: Tensor) -> Tensor:
        """Sums values (N, C) by their weight into (Q, C)."""
        return F.embedding_bag(self.position, values, per_sample_weights=self.weight, mode="sum")


def similarity(key: Tensor, shrinkage: Tensor, query: Tensor, selection: Tensor) -> Tensor:
    """Anisotropic L2 similarity: -shrinkage * sum over c of selection_c * (key_c - query_c)^2, over sqrt(CK).

    Args:
        key: of the memory (N, CK).
        shrinkage: of the memory (N,).
        query: (Q, CK).
        selection: of the queries (Q, CK).

    Returns:
        (Q, N), 0 or less up to rounding.
    """
    # the square is written out, as a difference of all pairs would take CK times the memory
    selected = query * selection
    scores = torch.cat([2 * selected, -selection], 1) @ torch.cat([key, key.square()], 1).T
    return scores.sub_((selected * query).sum(1, keepdim=True)).mul_(shrinkage / math.sqrt(key.shape[1]))


def top_k_affinity(key: Tensor, shrinkage: Tensor, query: Tensor, selection: Tensor, k: int) -> Affinity:
    """Compares each query with the memory and keeps the k most similar elements (all, where there are fewer).

    Shapes as in `similarity`.
    """
    k = min(k, len(key))
    parts = [slice(start, start + QUERIES_AT_ONCE) for start in range(0, len(query), QUERIES_AT_ONCE)]
    best = [similarity(key, shrinkage, query[part], selection[part]).topk(k, dim=1) for part in parts]
    return Affinity(
        position=torch.cat([found.indices for found in best]),
        weight=torch.cat([found.values.softmax(1) for found in best]),
    )
