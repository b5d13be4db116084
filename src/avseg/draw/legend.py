"""A legend: names in their colours, one below the other."""

from collections.abc import Sequence

import numpy as np

from avseg.draw.labels import name_label
from avseg.draw.overlay import Colour

_ROW = 24  # pixels


def draw_legend(entries: Sequence[tuple[str, Colour]], row: int = _ROW) -> np.ndarray:
    """Draw names as labels of their colours on white, (H, W, 3) uint8; without a name it says that nothing sounds."""
    labels = [name_label(name, colour, row) for name, colour in entries]
    if not labels:
        labels = [name_label("nothing sounds", (255, 255, 255), row)]
    gap = max(row // 6, 1)
    width = max(label.shape[1] for label in labels) + 2 * gap
    image = np.full((len(labels) * (row + gap) + gap, width, 3), 255, np.uint8)
    for number, label in enumerate(labels):
        top = gap + number * (row + gap)
        image[top : top + row, gap : gap + label.shape[1]] = label
    return image
