"""The size that frames get, and masks and boxes with them."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as v2

from avseg.utils.errors import UserError


@dataclass(frozen=True)
class Fit:
    """How large a frame becomes.

    Attributes:
        short_side: pixels of the shorter side; None leaves frames as they are.
        long_side: at most so many pixels of the longer side (DETR: 1333); None = as the shape wants.
        square: squash to `short_side` x `short_side` whatever the shape, as in AVSBench.

    Raises:
        UserError: a side that is not positive.
    """

    short_side: int | None = None
    long_side: int | None = None
    square: bool = False

    def __post_init__(self) -> None:
        for name in ("short_side", "long_side"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{name} is {value}; give 1 pixel or more, or null")

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that a frame of this size gets."""
        if self.short_side is None:
            return height, width
        if self.square:
            return self.short_side, self.short_side
        scale = self.short_side / min(height, width)
        if self.long_side is not None:
            scale = min(scale, self.long_side / max(height, width))
        return max(round(height * scale), 1), max(round(width * scale), 1)


@dataclass
class Objects:
    """The sounding objects that are seen in a frame.

    Attributes:
        masks: (n, H, W) bool, or None where boxes are enough.
        boxes: (n, 4) float32, left, top, right, bottom in pixels.
        classes: (n,) int64.
        size: (H, W) of the picture.
    """

    masks: Tensor | None
    boxes: Tensor
    classes: Tensor
    size: tuple[int, int]

    def resized(self, size: tuple[int, int]) -> "Objects":
        """The same in a picture of another size (masks: nearest); objects of which no pixel is left are dropped."""
        if size == self.size:
            return self
        boxes = v2.resize(self._tv_boxes(), list(size)).as_subclass(Tensor)
        if self.masks is None:
            return Objects(None, boxes, self.classes, size)
        # not as tv_tensors.Mask: its nearest takes the upper left pixel, which shifts masks against their frame
        masks = v2.resize_image(self.masks.byte(), list(size), InterpolationMode.NEAREST_EXACT, antialias=False).bool()
        left = masks.flatten(1).any(1)
        return Objects(masks[left], boxes[left], self.classes[left], size)

    def mirrored(self) -> "Objects":
        """The same with left and right swapped."""
        boxes = v2.horizontal_flip(self._tv_boxes()).as_subclass(Tensor)
        masks = None if self.masks is None else v2.horizontal_flip(tv_tensors.Mask(self.masks)).as_subclass(Tensor)
        return Objects(masks, boxes, self.classes, self.size)

    def _tv_boxes(self) -> tv_tensors.BoundingBoxes:
        return tv_tensors.BoundingBoxes(self.boxes, format="XYXY", canvas_size=self.size, dtype=torch.float32)
