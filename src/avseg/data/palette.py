"""The colours of AVSS: one per class, by the bit interleaving known from PASCAL VOC."""

from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from avseg.utils.errors import UserError, nearest

Stray = Literal["background", "nearest", "error"]
STRAYS = ("background", "nearest", "error")
AVSS_CLASSES = 71  # background included


@lru_cache(maxsize=4)
def voc_palette(classes: int = AVSS_CLASSES) -> npt.NDArray[np.uint8]:
    """(classes, 3) uint8 RGB: of each three bits of the class index one goes to each channel, highest bit first."""
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
    """Class indices of a colour mask.

    Args:
        rgb: (H, W, 3) uint8.
        classes: number of classes, background included.
        stray: what to do with colours of no class (users report stray pixels in the released masks): count them as
            "background" (0), as the official code does; take the "nearest" colour of the palette; or raise an "error".

    Returns:
        (H, W) uint8.

    Raises:
        UserError: a stray colour and `stray="error"`, or an unknown choice.
    """
    if stray not in STRAYS:
        raise UserError(f"stray '{stray}' is unknown; allowed: {', '.join(STRAYS)}{nearest(stray, STRAYS)}")
    codes, order = _sorted_codes(classes)
    wanted = _codes(rgb)
    places = np.searchsorted(codes, wanted).clip(max=classes - 1)
    known = codes[places] == wanted
    indices = np.where(known, order[places], 0).astype(np.uint8)
    if stray != "background" and not known.all():
        indices[~known] = _resolve(rgb[~known], classes, stray)
    return indices


def _resolve(colours: npt.NDArray[np.uint8], classes: int, stray: Stray) -> npt.NDArray[np.intp]:
    """The class of each stray colour (n, 3)."""
    unique, inverse = np.unique(colours, axis=0, return_inverse=True)
    if stray == "error":
        red, green, blue = unique[0].tolist()
        raise UserError(f"{len(colours)} pixels carry colours of no class, such as ({red}, {green}, {blue})")
    distance = np.square(unique[:, None].astype(np.int64) - voc_palette(classes).astype(np.int64)).sum(-1)
    nearest_class: npt.NDArray[np.intp] = distance.argmin(1)
    return nearest_class[inverse.reshape(-1)]


def _codes(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """One number per colour."""
    wide = rgb.astype(np.int32)
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]


@lru_cache(maxsize=4)
def _sorted_codes(classes: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    codes = _codes(voc_palette(classes))
    order = np.argsort(codes)
    return codes[order], order
