"""From the first to the last appearance: the intervals of modality "V" (LU-AVS, supplementary text)."""

import torch
from torch import Tensor

from avseg.models.lu_avs.aggregation import Prediction


class Spans:
    """Collects over the chunks of one video in which frames each class has a region.

    Example:
        >>> import torch
        >>> spans = Spans()
        >>> spans.update(torch.tensor([0, 5, 10]), Prediction(masks={3: torch.tensor([[[0]], [[1]], [[1]]]) > 0}))
        >>> spans.spans
        {3: (5, 11)}
    """

    def __init__(self) -> None:
        self.spans: dict[int, tuple[int, int]] = {}

    def update(self, index: Tensor, prediction: Prediction) -> None:
        """Adds a chunk, in any order.

        Args:
            index: (n,) native frame numbers.
            prediction: for these frames; its masks or boxes count.
        """
        present = {label: masks.flatten(1).any(1) for label, masks in prediction.masks.items()}
        present |= {label: torch.tensor([len(k) > 0 for k in boxes]) for label, boxes in prediction.boxes.items()}
        for label, flags in present.items():
            seen = index[flags.to(index.device)].tolist()
            if seen:
                first, end = self.spans.get(label, (seen[0], seen[0] + 1))
                self.spans[label] = min(first, *seen), max(end, *(number + 1 for number in seen))
