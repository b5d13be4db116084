"""The image of LVS's test: for images of any size, such as those of VGG-SS and Flickr-SoundNet."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from avseg.nn.normalise import normalise

SIZE = 224


def centre_image(picture: NDArray[np.uint8]) -> Tensor:
    """Scale an RGB image (h, w, 3) to 224 pixels on the shorter side, crop the centre, normalise; (3, 224, 224).

    The truth of both data sets is drawn on the whole image, squashed to a square; the crop is the official one.
    """
    height, width = picture.shape[:2]
    shorter = min(height, width)
    size = (int(SIZE * width / shorter), int(SIZE * height / shorter))  # PIL: width first
    scaled = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
    top, left = round((scaled.shape[0] - SIZE) / 2), round((scaled.shape[1] - SIZE) / 2)
    cropped = scaled[top : top + SIZE, left : left + SIZE].copy()
    return normalise(torch.from_numpy(cropped).movedim(-1, 0))
