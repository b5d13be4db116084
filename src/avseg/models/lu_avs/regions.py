"""Convert the output of queries to regions in pixels of the video."""

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_convert, clip_boxes_to_image


def to_pixels(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Convert mask logits (n, h, w) to masks (n, H, W) bool: sigmoid, bilinear to `size` = (H, W), above 0.5."""
    if not len(logits):
        return torch.zeros(0, *size, dtype=torch.bool, device=logits.device)
    probabilities = logits.float().sigmoid()[None]  # (1, n, h, w)
    return functional.interpolate(probabilities, size=size, mode="bilinear", align_corners=False)[0] > 0.5


def to_corners(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Convert relative boxes (n, 4), centre x, centre y, width, height, to x0, y0, x1, y1 in `size` = (H, W) pixels."""
    height, width = size
    scale = torch.tensor([width, height, width, height], dtype=torch.float32, device=boxes.device)
    corners: Tensor = clip_boxes_to_image(box_convert(boxes.float(), "cxcywh", "xyxy") * scale, size)
    return corners
