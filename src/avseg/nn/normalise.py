"""ImageNet normalisation on the device: images are moved as uint8, a quarter of the bytes of float32."""

import torch
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(frames: Tensor) -> Tensor:
    """Normalise RGB images (..., 3, H, W) uint8 to float32 of the mean and deviation that ImageNet backbones expect."""
    mean = torch.tensor(IMAGENET_MEAN, device=frames.device).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=frames.device).view(3, 1, 1)
    return (frames / 255 - mean) / std  # uint8 / int is float32
