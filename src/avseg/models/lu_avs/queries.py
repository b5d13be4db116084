"""Output of a query-based visual branch for a frame (MaskFormer, section 3; DETR, section 3)."""

from typing import NamedTuple

from torch import Tensor


class QueryOutput(NamedTuple):
    """Q object hypotheses for each of B frames; each has a class or "no object", and a mask or a box.

    Attributes:
        class_logits: (B, Q, K+1), the last entry is "no object".
        masks: mask logits (B, Q, h, w), a quarter of the frame's size for MaskFormer; None for boxes.
        boxes: (B, Q, 4) as centre x, centre y, width, height, relative to the frame (0 to 1); None for masks.
        auxiliary: in training, the output of each earlier decoder layer, first layer first; otherwise empty.
    """

    class_logits: Tensor
    masks: Tensor | None = None
    boxes: Tensor | None = None
    auxiliary: "tuple[QueryOutput, ...]" = ()

    def layers(self) -> "tuple[QueryOutput, ...]":
        """Return the outputs of all decoder layers that are trained, in order; this one is last."""
        return (*self.auxiliary, self._replace(auxiliary=()))
