"""Output of a query-based visual branch (MaskFormer, section 3; DETR, section 3), and its regions in pixels."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_convert, clip_boxes_to_image


class QueryOutput(NamedTuple):
    """Q object hypotheses for each of B frames; each has a class or "no object", and a mask or a box.

    `class_logits` are (B, Q, K+1), "no object" last; mask logits (B, Q, h, w), a quarter of the frame's size for
    MaskFormer; boxes (B, Q, 4) centre x, centre y, width, height, relative to the frame; `auxiliary` is the output of
    each earlier decoder layer, first layer first, in training only.
    """

    class_logits: Tensor
    masks: Tensor | None = None
    boxes: Tensor | None = None
    auxiliary: "tuple[QueryOutput, ...]" = ()

    def layers(self) -> "tuple[QueryOutput, ...]":
        """Return the outputs of all decoder layers that are trained, in order; this one is last."""
        return (*self.auxiliary, self._replace(auxiliary=()))


def to_pixels(logits: Tensor, size: tuple[int, int], threshold: float = 0.5) -> Tensor:
    """Convert mask logits (n, h, w) to masks (n, H, W) bool: sigmoid, bilinear to `size` = (H, W), threshold."""
    if not len(logits):
        return torch.zeros(0, *size, dtype=torch.bool, device=logits.device)
    probabilities = logits.float().sigmoid()[None]  # (1, n, h, w)
    return functional.interpolate(probabilities, size=size, mode="bilinear", align_corners=False)[0] > threshold


def to_corners(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Convert relative boxes (n, 4), centre x, centre y, width, height, to x0, y0, x1, y1 in `size` = (H, W) pixels."""
    height, width = size
    scale = torch.tensor([width, height, width, height], dtype=torch.float32, device=boxes.device)
    corners: Tensor = clip_boxes_to_image(box_convert(boxes.float(), "cxcywh", "xyxy") * scale, size)
    return corners
