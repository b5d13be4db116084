"""Colours of AVSS masks: one per class, by the bit interleaving of PASCAL VOC."""

from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

Stray = Literal["background", "nearest", "error"]
STRAYS = ("background", "nearest", "error")
AVSS_CLASSES = 71  # background included


@lru_cache(maxsize=4)
def voc_palette(classes: int = AVSS_CLASSES) -> npt.NDArray[np.uint8]:
    """Return the colours (classes, 3) uint8: each three bits of the class index go to R, G and B, highest bit first."""
    index = np.arange(classes)
    colours = np.zeros((classes, 3), dtype=np.uint8)
    for step in range(8):
        for channel in range(3):
            bit = (index >> (3 * step + channel)) & 1
            colours[:, channel] |= (bit << (7 - step)).astype(np.uint8)
    return colours


def class_indices(
    rgb: npt.NDArray[np.uint8], classes: int = AVSS_CLASSES, stray: Stray = "background"
) -> npt.NDArray[np.uint8]:
    """Convert a colour mask (H, W, 3) uint8 to class indices (H, W) uint8; the background is one of the `classes`.

    Users report stray pixels in the released masks, in colours outside the palette. `stray` treats them: "background"
    counts them as 0, as the official code does; "nearest" takes the nearest colour; "error" refuses them.

    Raises:
        UserError: a stray colour and `stray="error"`, or an unknown choice.
    """
    check_choice("stray", stray, STRAYS)
    sorted_codes, class_ids = _sorted_codes(classes)
    codes = _colour_codes(rgb)  # (H, W)
    positions = np.searchsorted(sorted_codes, codes).clip(max=classes - 1)
    in_palette = sorted_codes[positions] == codes
    indices = np.where(in_palette, class_ids[positions], 0).astype(np.uint8)
    if stray != "background" and not in_palette.all():
        indices[~in_palette] = _nearest_classes(rgb[~in_palette], classes, stray)
    return indices


def _nearest_classes(colours: npt.NDArray[np.uint8], classes: int, stray: Stray) -> npt.NDArray[np.intp]:
    """Return the class of the nearest colour for each stray colour, (n, 3) -> (n,)."""
    unique, inverse = np.unique(colours, axis=0, return_inverse=True)
    if stray == "error":
        red, green, blue = unique[0].tolist()
        raise UserError(f"{len(colours)} pixels have colours of no class, such as ({red}, {green}, {blue})")
    distance = np.square(unique[:, None].astype(np.int64) - voc_palette(classes).astype(np.int64)).sum(-1)
    class_ids: npt.NDArray[np.intp] = distance.argmin(1)
    return class_ids[inverse.reshape(-1)]


def _colour_codes(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Return one number per colour, (..., 3) -> (...)."""
    wide = rgb.astype(np.int32)
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]


@lru_cache(maxsize=4)
def _sorted_codes(classes: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    """Return the codes of the palette in ascending order, and the class of each."""
    codes = _colour_codes(voc_palette(classes))
    class_ids = np.argsort(codes)
    return codes[class_ids], class_ids
