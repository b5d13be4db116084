"""Read the boxes of VGG-SS (one json) and Flickr-SoundNet (an xml for each image), and draw the truth of a score.

Score it with `avseg.metrics.consensus_iou`. The coordinates are rounded towards zero as in the official LVS code; a box
without an area adds nothing.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from avseg.utils.errors import UserError

SIZE = 224  # pixels of the square truth of LVS
FLICKR_SIZE = 256  # pixels of the images on which Flickr's boxes were drawn
CONSENSUS = 2  # annotators that must agree on a pixel of Flickr


class Box(NamedTuple):
    """Left, top, right, bottom: fractions of the image (VGG-SS) or pixels of 256 (Flickr)."""

    left: float
    top: float
    right: float
    bottom: float


def read_vgg_ss(file: Path) -> dict[str, list[Box]]:
    """Read vggss.json, a list of objects with `file` and `bbox`: boxes by the name of the clip, without a suffix.

    Raises:
        UserError: the file is missing, not such a json, or lists a clip twice.
    """
    try:
        entries: Any = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} is not a readable json ({error}); fetch vggss.json again") from error
    if not isinstance(entries, list):
        raise UserError(f"{file} is not a list of clips; fetch vggss.json again")
    boxes: dict[str, list[Box]] = {}
    for number, entry in enumerate(entries):
        try:
            name = str(entry["file"])
            clip_boxes = list(map(_box, entry["bbox"]))
        except (TypeError, KeyError, ValueError) as error:
            raise UserError(
                f"{file}, entry {number}: expected 'file' and 'bbox', boxes of 4 numbers ({error}); correct it"
            ) from error
        if name in boxes:
            raise UserError(f"{file}, entry {number}: clip '{name}' is listed twice; remove one of them")
        boxes[name] = clip_boxes
    return boxes


def read_flickr(file: Path) -> list[Box]:
    """Read the boxes of one image, an xml of Flickr-SoundNet: every `bbox` of every annotator, in order.

    The first element of a `bbox` is its label, the next four are whole pixels; others are not read.

    Raises:
        UserError: the file is missing or not such an xml.
    """
    try:
        root = ElementTree.parse(file).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise UserError(f"{file} is not a readable xml ({error}); fetch the annotations again") from error
    boxes: list[Box] = []
    for element in root.findall("./*/bbox"):
        texts = [child.text or "" for child in element][1:5]
        try:
            boxes.append(_box(list(map(int, texts))))
        except ValueError as error:
            raise UserError(
                f"{file}: bbox with {texts} is not a label and 4 whole numbers ({error}); correct it"
            ) from error
    return boxes


def _box(values: Sequence[Any]) -> Box:
    left, top, right, bottom = map(float, values)
    return Box(left, top, right, bottom)


def vgg_ss_truth(boxes: Iterable[Box], size: int = SIZE) -> NDArray[np.float32]:
    """Draw boxes in fractions, some of them below 0 or above 1: their union, (size, size) of 0 and 1."""
    return np.minimum(_layers(boxes, size, lambda value: int(size * value)), 1)


def flickr_truth(boxes: Iterable[Box], size: int = SIZE) -> NDArray[np.float32]:
    """Draw boxes in pixels of 256: half for each annotator, 1 where two or more agree, (size, size)."""
    return np.minimum(_layers(boxes, size, lambda value: int(size * value / FLICKR_SIZE)) / CONSENSUS, 1)


def mssl_flickr_truth(boxes: Iterable[Box]) -> NDArray[np.float32]:
    """Draw the same as the authors of MSSL do, (256, 256): boxes are moved by one pixel to the left and upwards."""
    return np.minimum(_layers(boxes, FLICKR_SIZE, lambda value: int(value) - 1) / CONSENSUS, 1)


def _layers(boxes: Iterable[Box], size: int, pixel: Callable[[float], int]) -> NDArray[np.float32]:
    """Count the boxes over each pixel; `pixel` makes a coordinate a row or column, cut off at the border."""
    layers = np.zeros((size, size), np.float32)
    for box in boxes:
        # a negative index of a slice would count from the other border
        left, top, right, bottom = (max(pixel(value), 0) for value in box)
        layers[top:bottom, left:right] += 1
    return layers
