"""Contrast across the border of a mask: how well it follows the edges of the image."""

import numpy as np

from avseg.annotate.backends.crop import Crop
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Mask


def border_contrast(crop: Crop, mask: Mask) -> float:
    """Score a mask (H, W) by the mean colour difference across its border, 0 to 1."""
    inside = crop.shrink(mask) > 0.5
    lab = cv.cvtColor(cv.GaussianBlur(crop.image, (0, 0), 0.7), cv.COLOR_RGB2LAB).astype(np.float32)
    steps = []
    for axis in (0, 1):
        last = inside.shape[axis] - 1
        crossing = np.take(inside, range(last), axis) != np.take(inside, range(1, last + 1), axis)
        difference = np.take(lab, range(1, last + 1), axis) - np.take(lab, range(last), axis)
        steps.append(np.sqrt((difference**2).sum(-1))[crossing])
    across = np.concatenate(steps)
    return float(1 - np.exp(-across.mean() / 10)) if len(across) else 0.0
