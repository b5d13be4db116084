"""Classes in pictures: a colour that stays theirs, and their name, so that nobody depends on the colour alone."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from avseg.draw.overlay import Colour
from avseg.draw.palette import OKABE_ITO

_DARK = 140  # luminance, of 255, below which black letters cannot be read
# each hue plain, then with white, then with black: share of the other and its value
_SHADES = ((0.0, 0), (0.55, 255), (0.45, 0))


def class_colour(label: int) -> Colour:
    """The colour of a class, the same in every picture and video.

    Okabe and Ito's seven hues, then the same ones lighter, then darker: 21 before they repeat.

    Args:
        label: the class, from 0.
    """
    hues = list(OKABE_ITO.values())
    share, other = _SHADES[label // len(hues) % len(_SHADES)]
    red, green, blue = (round(value * (1 - share) + other * share) for value in hues[label % len(hues)])
    return red, green, blue


@lru_cache(maxsize=512)
def chip(text: str, colour: Colour, height: int) -> np.ndarray:
    """A name on a ground of its colour.

    Args:
        text: what to write.
        colour: RGB of the ground; the letters are black or white, whichever shows.
        height: rows.

    Returns:
        (height, W, 3) uint8; W as the text wants.
    """
    font = _font(max(round(height * 0.72), 6))
    margin = max(round(height * 0.22), 1)
    width = round(font.getlength(text)) + 2 * margin
    picture = Image.new("RGB", (width, height), colour)
    luminance = float(np.dot(colour, (0.299, 0.587, 0.114)))
    letters = "white" if luminance < _DARK else "black"
    ImageDraw.Draw(picture).text((margin, height / 2), text, fill=letters, font=font, anchor="lm")
    return np.asarray(picture)


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings: it has the letters of most languages, and the note."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
    return ImageFont.truetype(str(path), size)
