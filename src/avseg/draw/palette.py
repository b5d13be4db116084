"""Colours that are distinguishable with any colour vision."""

import numpy as np

from avseg.data.palette import AVSS_CLASSES, voc_palette

# Okabe and Ito, "Color Universal Design" (2008), ordered so that neighbours differ most
OKABE_ITO = {
    "orange": (230, 159, 0),
    "sky": (86, 180, 233),
    "green": (0, 158, 115),
    "yellow": (240, 228, 66),
    "blue": (0, 114, 178),
    "vermilion": (213, 94, 0),
    "purple": (204, 121, 167),
}
SOUNDING = OKABE_ITO["sky"]  # of predictions: people and instruments have warm colours, so a cold tint is visible
TRUTH = OKABE_ITO["orange"]


def class_colours(masks: np.ndarray) -> np.ndarray:
    """Map class indices (..., H, W) to colours of the AVSS palette (..., H, W, 3) uint8; the background is black."""
    colours: np.ndarray = voc_palette(max(AVSS_CLASSES, int(masks.max(initial=0)) + 1))[masks]
    return colours
