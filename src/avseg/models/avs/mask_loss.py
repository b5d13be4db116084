"""The mask loss: predicted masks against the annotated frames (AVS paper, section 4.3, the BCE term of Eq. 6)."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class MaskLoss(nn.Module):
    """Binary cross-entropy of one logit (S4, MS3) or cross-entropy of K classes (AVSS) over the annotated frames.

    Every annotated frame weighs the same, whatever clip it belongs to. S4 annotates only the first frame of a training
    clip, MS3 all of them. Computed in float32 also under autocast.

    Example:
        >>> import torch
        >>> logits = torch.zeros(2, 5, 1, 8, 8)
        >>> masks = torch.ones(2, 5, 8, 8, dtype=torch.uint8)
        >>> annotated = torch.tensor([[True, False, False, False, False]] * 2)
        >>> MaskLoss()(logits, masks, annotated)
        tensor(0.6931)
    """

    def forward(self, logits: Tensor, masks: Tensor, annotated: Tensor) -> Tensor:
        """The mean loss over the pixels of the annotated frames.

        Args:
            logits: (B, T, K, H, W); K = 1 is sounding or not, K > 1 are classes.
            masks: (B, T, H, W), K = 1: non-zero is sounding; K > 1: the class index.
            annotated: (B, T) bool, the frames that carry a label.

        Returns:
            A float32 scalar; without any annotated frame a zero that still carries the graph, as DDP needs it.
        """
        annotated = annotated.bool()
        with torch.autocast(logits.device.type, enabled=False):
            # selected before the cast: of S4's frames only one in five is needed in float32
            chosen, labels = logits[annotated].float(), masks[annotated]
            if chosen.shape[0] == 0:
                return chosen.sum()
            if chosen.shape[1] == 1:
                return functional.binary_cross_entropy_with_logits(chosen[:, 0], (labels != 0).float())
            return functional.cross_entropy(chosen, labels.long())
