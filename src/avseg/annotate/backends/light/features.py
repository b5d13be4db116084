"""Features of EfficientNet-Lite0 in cells of 4 pixels: strides 4, 8 and 16 side by side."""

import numpy as np

from avseg.annotate.backends.light.network import OUTPUTS, load_network
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Image, Map

CELL = 4  # pixels
LEVELS = (24, 40, 112)  # channels of the strides 4, 8 and 16


class CellFeatures:
    """Describe the cells of an image by unit vectors, whose products are similarities."""

    def __init__(self, height: int, width: int) -> None:
        self._net = load_network(height, width)

    def __call__(self, image: Image) -> Map:
        """Return the features of an image (height, width, 3) uint8, (height / 4, width / 4, 176)."""
        cells = (image.shape[1] // CELL, image.shape[0] // CELL)  # OpenCV's order
        self._net.setInput(cv.dnn.blobFromImage(image, 1 / 127.5, mean=(127.5, 127.5, 127.5)))
        units = []
        for level in self._net.forward(OUTPUTS):
            maps = np.ascontiguousarray(level[0].transpose(1, 2, 0))  # (h, w, C)
            aligned = cv.resize(maps, cells, interpolation=cv.INTER_LINEAR)
            length = np.sqrt(np.einsum("hwc,hwc->hw", aligned, aligned))
            units.append(aligned / np.maximum(length, 1e-12)[..., None])
        return np.asarray(np.concatenate(units, 2) / len(units) ** 0.5, np.float32)
