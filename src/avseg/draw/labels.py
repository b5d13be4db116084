"""Colours and name labels of classes, so that no reader depends on the colour alone."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from avseg.draw.overlay import Colour
from avseg.draw.palette import OKABE_ITO

_DARK = 140  # luminance, of 255, below which white text is used
# each hue plain, mixed with white, mixed with black: share of the mixed-in grey and its value
_SHADES = ((0.0, 0), (0.55, 255), (0.45, 0))


def class_colour(label: int) -> Colour:
    """Return the colour of a class, numbered from 0, the same in every image and video.

    Okabe and Ito's seven hues, then lighter, then darker versions: 21 colours before they repeat.
    """
    hues = list(OKABE_ITO.values())
    share, grey = _SHADES[label // len(hues) % len(_SHADES)]
    red, green, blue = np.array(hues[label % len(hues)]) * (1 - share) + grey * share
    return round(red), round(green), round(blue)


@lru_cache(maxsize=512)
def name_label(text: str, colour: Colour, height: int) -> np.ndarray:
    """Draw a name in black or white on a background of its colour as (height, W, 3) uint8, W as the text requires."""
    font = _font(max(round(height * 0.72), 6))  # smaller text is illegible
    margin = max(round(height * 0.22), 1)
    width = round(font.getlength(text)) + 2 * margin
    image = Image.new("RGB", (width, height), colour)
    luminance = float(np.dot(colour, (0.299, 0.587, 0.114)))  # ITU-R BT.601
    text_colour = "white" if luminance < _DARK else "black"
    ImageDraw.Draw(image).text((margin, height / 2), text, fill=text_colour, font=font, anchor="lm")
    return np.asarray(image)


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Load DejaVu Sans from matplotlib: it covers most scripts, and the musical note."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
    return ImageFont.truetype(str(path), size)
