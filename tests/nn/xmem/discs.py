"""The golden sequence: discs that move over a gradient (golden recipe, "discs")."""

import numpy as np
import torch
from torch import Tensor

from avseg.nn.normalise import IMAGENET_MEAN, IMAGENET_STD
from tests.golden_recipe import rng


def moving_discs(frames: int, height: int, width: int, seed: int, count: int = 3) -> tuple[Tensor, Tensor]:
    """Draw normalised frames (T, 3, H, W) and the visible part of each disc (T, count, H, W) bool."""
    r = rng("discs", seed)
    y, x = np.mgrid[:height, :width]
    gradient = np.stack([x / width, y / height, (x + y) / (height + width)])
    images = np.repeat(gradient[None], frames, 0)
    masks = np.zeros((frames, count, height, width), bool)
    for k in range(count):
        cy, cx = r.uniform(0.25, 0.75) * height, r.uniform(0.25, 0.75) * width
        vy, vx = r.uniform(-2, 2), r.uniform(-2, 2)
        radius, colour = r.uniform(0.1, 0.2) * height, r.random(3)
        for i in range(frames):
            disc = (y - cy - vy * i) ** 2 + (x - cx - vx * i) ** 2 < radius**2
            images[i][:, disc] = colour[:, None]
            masks[i, :k] &= ~disc
            masks[i, k] = disc
    mean, std = np.array(IMAGENET_MEAN)[:, None, None], np.array(IMAGENET_STD)[:, None, None]
    return torch.from_numpy(((images - mean) / std).astype(np.float32)), torch.from_numpy(masks)
