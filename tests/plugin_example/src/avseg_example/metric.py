"""A metric of the example: the share of frames without a sounding object in which nothing is marked."""

import torch
from torch import Tensor
from torchmetrics import Metric


class SilentFramesEmpty(Metric):
    """Mean over the silent frames of a split; NaN without any.

    Counts are kept by clip, so that every clip counts once however the split is divided among processes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.add_state("counts", default=[], dist_reduce_fx="cat")

    def update(self, logits: Tensor, masks: Tensor, index: Tensor) -> None:
        """Add a batch: logits (B, T, H, W), masks (B, T, H, W), clip indices (B,)."""
        silent = masks.flatten(2).sum(-1) == 0  # (B, T)
        empty = (logits > 0).flatten(2).sum(-1) == 0
        rows = torch.stack([index, silent.sum(1), (silent & empty).sum(1)], dim=1)
        self.counts.append(rows)

    def compute(self) -> Tensor:
        """The share over all clips."""
        rows = self._rows()
        return rows[:, 2].sum() / rows[:, 1].sum()

    def per_clip(self) -> dict[int, float]:
        """The share of each clip by its index."""
        scores: dict[int, float] = {}
        for index, silent, empty in self._rows().tolist():
            scores[int(index)] = empty / silent if silent else float("nan")
        return scores

    def _rows(self) -> Tensor:
        counts = self.counts if isinstance(self.counts, Tensor) else torch.cat(self.counts)
        return torch.unique(counts, dim=0).float()
