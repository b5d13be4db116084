"""Pairwise intersection over union of masks and of boxes."""

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_convert, box_iou


def mask_iou(predicted: Tensor, annotated: Tensor) -> Tensor:
    """Compute the IoU (Q, n) of mask logits (Q, h, w), inside above 0, with masks (n, H, W), non-zero inside.

    The masks are resized by the nearest pixel, as MaskFormer's matcher does; 0 where both are empty.
    """
    size = predicted.shape[-2:]
    queries = (predicted > 0).flatten(1).float()  # (Q, h * w)
    resized = functional.interpolate((annotated != 0).float()[:, None], size=size, mode="nearest")  # (n, 1, h, w)
    targets = resized[:, 0].flatten(1)  # (n, h * w)
    intersection = queries @ targets.T
    union = queries.sum(1)[:, None] + targets.sum(1)[None] - intersection
    return intersection / union.clamp(min=1)


def centre_box_iou(predicted: Tensor, annotated: Tensor) -> Tensor:
    """Compute the IoU (Q, n) of boxes (Q, 4) and (n, 4), centre x, centre y, width, height; 0 where both are empty."""
    predicted = box_convert(predicted.float(), "cxcywh", "xyxy")
    annotated = box_convert(annotated.float(), "cxcywh", "xyxy")
    return torch.nan_to_num(box_iou(predicted, annotated))  # 0 / 0 for two empty boxes
