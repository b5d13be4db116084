"""Resize frames together with their masks and boxes."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as v2

from avseg.media.video import Video
from avseg.utils.errors import UserError


@dataclass(frozen=True)
class Fit:
    """Rule for the size of a resized frame; raises `UserError` for a side below one pixel."""

    short_side: int | None = None  # pixels of the shorter side; None keeps the original size
    long_side: int | None = None  # upper limit of the longer side in pixels (DETR: 1333); None = without limit
    square: bool = False  # True for `short_side` x `short_side` regardless of the aspect ratio, as in AVSBench

    def __post_init__(self) -> None:
        for key in ("short_side", "long_side"):
            side = getattr(self, key)
            if side is not None and side < 1:
                raise UserError(f"{key} is {side}; use 1 pixel or more, or null")

    def frame_size(self, video: Video) -> tuple[int, int]:
        """Return height and width of the resized frames of a video."""
        return self.size(video.height, video.width, video.pixel_aspect)

    def size(self, height: int, width: int, pixel_aspect: float = 1.0) -> tuple[int, int]:
        """Return height and width of a resized frame, with square pixels unless the original size stays."""
        if self.short_side is None:
            return height, width
        if self.square:
            return self.short_side, self.short_side
        shown_width = width * pixel_aspect
        scale = self.short_side / min(height, shown_width)  # keeps the aspect ratio
        if self.long_side is not None:
            scale = min(scale, self.long_side / max(height, shown_width))  # the limit wins over the short side
        return max(round(height * scale), 1), max(round(shown_width * scale), 1)


@dataclass
class Objects:
    """Visible sounding objects of a frame."""

    masks: Tensor | None  # (n, H, W) bool, or None if only boxes are needed
    boxes: Tensor  # (n, 4) float32, left, top, right, bottom in pixels
    classes: Tensor  # (n,) int64
    size: tuple[int, int]  # (H, W) of the frame

    def resized(self, size: tuple[int, int]) -> "Objects":
        """Return the objects at another frame size (masks: nearest), without objects that have no pixel left."""
        if size == self.size:
            return self
        boxes = v2.resize(self._tv_boxes(), list(size)).as_subclass(Tensor)  # (n, 4)
        if self.masks is None:
            return Objects(None, boxes, self.classes, size)
        # not as tv_tensors.Mask: its nearest takes the upper left pixel, which shifts masks relative to their frame
        masks = v2.resize_image(self.masks.byte(), list(size), InterpolationMode.NEAREST_EXACT, antialias=False).bool()
        is_left = masks.flatten(1).any(1)  # (n,)
        return Objects(masks[is_left], boxes[is_left], self.classes[is_left], size)

    def mirrored(self) -> "Objects":
        """Return the objects flipped horizontally."""
        boxes = v2.horizontal_flip(self._tv_boxes()).as_subclass(Tensor)
        masks = None if self.masks is None else v2.horizontal_flip(tv_tensors.Mask(self.masks)).as_subclass(Tensor)
        return Objects(masks, boxes, self.classes, self.size)

    def _tv_boxes(self) -> tv_tensors.BoundingBoxes:
        return tv_tensors.BoundingBoxes(self.boxes, format="XYXY", canvas_size=self.size, dtype=torch.float32)
