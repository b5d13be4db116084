"""Intervals from the first to the last appearance, for modality "V" (LU-AVS, supplementary text)."""

import torch
from torch import Tensor

from avseg.models.lu_avs.aggregation import RegionPrediction


class Spans:
    """Collects the frames in which each class has a region, over the chunks of one video.

    Example:
        >>> import torch
        >>> spans = Spans()
        >>> spans.update(torch.tensor([0, 5, 10]), RegionPrediction(masks={3: torch.tensor([[[0]], [[1]], [[1]]]) > 0}))
        >>> spans.spans
        {3: (5, 11)}
    """

    def __init__(self) -> None:
        self.spans: dict[int, tuple[int, int]] = {}

    def update(self, index: Tensor, prediction: RegionPrediction) -> None:
        """Add a chunk of frames with native numbers (n,), in any order; the prediction's masks or boxes count."""
        for label, masks in prediction.masks.items():
            self._extend(label, index, masks.flatten(1).any(1))
        for label, boxes in prediction.boxes.items():
            self._extend(label, index, torch.tensor(list(map(len, boxes))) > 0)

    def _extend(self, label: int, index: Tensor, has_region: Tensor) -> None:
        """Extend the span of a class by the frames with a region, (n,) bool."""
        frames = index[has_region.to(index.device)]
        if len(frames):
            first, end = int(frames.min()), int(frames.max()) + 1
            known_first, known_end = self.spans.get(label, (first, end))
            self.spans[label] = min(first, known_first), max(end, known_end)
