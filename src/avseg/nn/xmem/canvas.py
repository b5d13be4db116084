"""Conversion of a video's frames to the working size of the network, and back."""

import torch
from torch import Tensor
from torch.nn import functional as F

from avseg.nn.xmem.network import STRIDE


class Canvas:
    """Scale frames of `size` = (height, width) to a working size and pad them, centred, to multiples of 16.

    `short_side` is the working size's shorter side in pixels, None for no scaling; `grid` counts cells of 16 pixels.
    """

    def __init__(self, size: tuple[int, int], short_side: int | None = None) -> None:
        self.size = size
        scale = 1.0 if short_side is None else short_side / min(size)
        self.scaled = (max(round(size[0] * scale), 1), max(round(size[1] * scale), 1))
        # rounded up to whole cells
        self.grid = (-(-self.scaled[0] // STRIDE), -(-self.scaled[1] // STRIDE))
        # an odd pixel of padding goes to the bottom and to the right
        self.top = (self.grid[0] * STRIDE - self.scaled[0]) // 2
        self.left = (self.grid[1] * STRIDE - self.scaled[1]) // 2

    def place_frame(self, frame: Tensor) -> Tensor:
        """Scale and pad a normalised frame (3, H, W) to (1, 3, H', W'), with a border of zeros."""
        if self.scaled != self.size:
            frame = F.interpolate(frame[None], self.scaled, mode="bilinear", antialias=True)[0]
        return self._pad(frame)[None]

    def place_masks(self, masks: Tensor) -> Tensor:
        """Scale and pad masks (n, H, W) to (n, H', W'), with a border of zeros."""
        if self.scaled != self.size:
            masks = F.interpolate(masks[None], self.scaled, mode="nearest-exact")[0]
        return self._pad(masks)

    def restore(self, maps: Tensor) -> Tensor:
        """Crop and scale maps (C, H', W') to the size of the video's frames (C, H, W)."""
        maps = maps[:, self.top : self.top + self.scaled[0], self.left : self.left + self.scaled[1]]
        if self.scaled != self.size:
            maps = F.interpolate(maps[None], self.size, mode="bilinear", align_corners=False)[0]
        return maps

    def centres(self, cells: Tensor) -> Tensor:
        """Compute the pixel (x, y) at the centre of cells row * w + column; (...) int to (..., 2) float.

        The centre of a cell that is half in the border may be outside of the frame by up to half a cell.
        """
        row = cells // self.grid[1]
        column = cells % self.grid[1]
        # undo the padding, then the scaling
        x = ((column + 0.5) * STRIDE - self.left) * self.size[1] / self.scaled[1]
        y = ((row + 0.5) * STRIDE - self.top) * self.size[0] / self.scaled[0]
        return torch.stack([x, y], -1)

    def _pad(self, maps: Tensor) -> Tensor:
        bottom = self.grid[0] * STRIDE - self.scaled[0] - self.top
        right = self.grid[1] * STRIDE - self.scaled[1] - self.left
        return F.pad(maps, (self.left, right, self.top, bottom))
