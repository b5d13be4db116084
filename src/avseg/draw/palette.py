"""Colours that people with any colour vision tell apart."""

import numpy as np

from avseg.data.palette import AVSS_CLASSES, voc_palette

# Okabe and Ito, "Color Universal Design" (2008), in an order that keeps neighbours far apart
OKABE_ITO = {
    "orange": (230, 159, 0),
    "sky": (86, 180, 233),
    "green": (0, 158, 115),
    "yellow": (240, 228, 66),
    "blue": (0, 114, 178),
    "vermilion": (213, 94, 0),
    "purple": (204, 121, 167),
}
SOUNDING = OKABE_ITO["sky"]  # the prediction: people and instruments are warm in colour, so a cold tint shows
TRUTH = OKABE_ITO["orange"]


def class_colours(masks: np.ndarray) -> np.ndarray:
    """Class indices as colours of the AVSS palette, background black.

    Args:
        masks: (..., H, W) integers.

    Returns:
        (..., H, W, 3) uint8.
    """
    colours: np.ndarray = voc_palette(max(AVSS_CLASSES, int(masks.max(initial=0)) + 1))[masks]
    return colours
