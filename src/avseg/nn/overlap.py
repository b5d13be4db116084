"""How much regions overlap: intersection over union of every mask (or box) with every other."""

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_convert, box_iou


def mask_iou(predicted: Tensor, annotated: Tensor) -> Tensor:
    """Mask IoU of Q predictions with n annotations; 0 where both are empty.

    Args:
        predicted: mask logits (Q, h, w); a pixel belongs to the mask when its logit is above 0.
        annotated: (n, H, W), non-zero inside; brought to (h, w) by the nearest pixel, as MaskFormer's matcher does.

    Returns:
        (Q, n) float32.
    """
    size = predicted.shape[-2:]
    one = (predicted > 0).flatten(1).float()
    other = functional.interpolate((annotated != 0).float()[:, None], size=size, mode="nearest")[:, 0].flatten(1)
    inside = one @ other.T
    union = one.sum(1)[:, None] + other.sum(1)[None] - inside
    return inside / union.clamp(min=1)


def centre_box_iou(predicted: Tensor, annotated: Tensor) -> Tensor:
    """Box IoU of (Q, 4) with (n, 4), both centre x, centre y, width, height; gives (Q, n), 0 where both are empty."""
    corners = (box_convert(boxes.float(), "cxcywh", "xyxy") for boxes in (predicted, annotated))
    return torch.nan_to_num(box_iou(*corners))
