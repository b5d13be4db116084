"""Crop a region of an image and resample it to a small working size; map coordinates and masks back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Box, Image, Mask, Probability

MARGIN = 0.1  # around the box of a mask, relative to its sides


@dataclass(frozen=True)
class Crop:
    """A resampled region of an image."""

    image: Image  # (h, w, 3) uint8, the region at working size
    left: int  # column of the region in the full image, in pixels
    top: int  # row of the region in the full image
    width: int  # width of the region in pixels of the full image
    height: int  # height of the region in pixels of the full image

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width at working size."""
        return self.image.shape[0], self.image.shape[1]

    def continues(self, full: Image) -> tuple[bool, bool, bool, bool]:
        """True per side (top, bottom, left, right) where the full image continues beyond the crop."""
        height, width = full.shape[:2]
        return self.top > 0, self.top + self.height < height, self.left > 0, self.left + self.width < width

    def contains(self, x: float, y: float) -> bool:
        """True if a pixel of the full image is inside the crop."""
        return self.left <= x < self.left + self.width and self.top <= y < self.top + self.height

    def to_crop(self, x: float, y: float) -> tuple[int, int]:
        """Map a pixel of the full image to (row, column) of the crop; pixels outside map to the nearest one."""
        row = int((y - self.top + 0.5) * self.shape[0] / self.height)
        column = int((x - self.left + 0.5) * self.shape[1] / self.width)
        return min(max(row, 0), self.shape[0] - 1), min(max(column, 0), self.shape[1] - 1)

    def cut_full_size(self, full: Image) -> Image:
        """Cut the region (height, width, 3) out of the full image without resampling."""
        return full[self.top : self.top + self.height, self.left : self.left + self.width]

    def shrink(self, full: Mask | Probability) -> Probability:
        """Resample the region of a full-size map (H, W) to working size (h, w)."""
        region = full[self.top : self.top + self.height, self.left : self.left + self.width].astype(np.float32)
        return _resample(region, self.shape, cv.INTER_AREA if self.shape[0] <= self.height else cv.INTER_LINEAR)

    def enlarge(self, mask: Mask) -> Mask:
        """Resample a mask (h, w) to the region's full size by nearest neighbour."""
        return np.asarray(_resample(mask.astype(np.uint8), (self.height, self.width), cv.INTER_NEAREST), np.bool_)

    def paste(self, region: npt.NDArray[np.generic], size: tuple[int, int]) -> npt.NDArray[np.generic]:
        """Place a region (height, width) into zeros of the full image's size (H, W)."""
        full = np.zeros(size, region.dtype)
        full[self.top : self.top + self.height, self.left : self.left + self.width] = region
        return full

    def subcrop(self, left: int, top: int, right: int, bottom: int, mask: Mask) -> tuple["Crop", Mask]:
        """Cut a smaller crop, in pixels of this one, ends exclusive and clipped, and the same part of a mask (h, w)."""
        height, width = self.shape
        right, bottom = min(right, width), min(bottom, height)
        # borders between working pixels, in pixels of the full image
        x0, x1 = round(left * self.width / width), round(right * self.width / width)
        y0, y1 = round(top * self.height / height), round(bottom * self.height / height)
        crop = Crop(self.image[top:bottom, left:right], self.left + x0, self.top + y0, x1 - x0, y1 - y0)
        return crop, mask[top:bottom, left:right]


def padded_box(mask: Mask, margin: float = MARGIN) -> Box | None:
    """Return the bounding box of a mask plus a margin, clipped to the image; None for an empty mask."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    left, right = columns[0], columns[-1] + 1
    top, bottom = rows[0], rows[-1] + 1
    pad_x = margin * (right - left)
    pad_y = margin * (bottom - top)
    height, width = mask.shape
    return (
        float(max(left - pad_x, 0)),
        float(max(top - pad_y, 0)),
        float(min(right + pad_x, width)),
        float(min(bottom + pad_y, height)),
    )


def crop_image(image: Image, side: int, box: Box | None = None, margin: float = 0.0, min_side: int = 0) -> Crop:
    """Crop an image (H, W, 3) around a box (None for all of it) and resample it; sides in pixels.

    A margin of context, as a share of the box's longer side, is added. The longer side of the crop is at most `side`
    pixels; a smaller one than `min_side` is enlarged.
    """
    height, width = image.shape[:2]
    left, top, right, bottom = box or (0, 0, width, height)
    context = margin * max(right - left, bottom - top)
    x0, y0 = max(int(left - context), 0), max(int(top - context), 0)
    x1 = min(max(int(np.ceil(right + context)), x0 + 2), width)
    y1 = min(max(int(np.ceil(bottom + context)), y0 + 2), height)
    # a box beyond the image leaves one row or column
    x0, y0 = min(x0, x1 - 1), min(y0, y1 - 1)
    longer = max(x1 - x0, y1 - y0)
    scale = max(min(side / longer, 1.0), min_side / longer)
    shape = (max(round((y1 - y0) * scale), 2), max(round((x1 - x0) * scale), 2))
    interpolation = cv.INTER_AREA if scale <= 1 else cv.INTER_LINEAR
    return Crop(_resample(image[y0:y1, x0:x1], shape, interpolation), x0, y0, x1 - x0, y1 - y0)


def _resample(region: npt.NDArray[Any], shape: tuple[int, int], interpolation: int) -> npt.NDArray[Any]:
    if region.shape[:2] == shape:
        return np.ascontiguousarray(region)
    resized: npt.NDArray[Any] = cv.resize(region, (shape[1], shape[0]), interpolation=interpolation)
    return resized
