"""Mark sounding pixels on a frame by a tint with an outline, visible on any background."""

from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F

from avseg.draw.palette import SOUNDING, class_colours

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)


class Overlay:
    """A mask (H, W), bool or class indices (0 = not marked), prepared for drawing on many frames."""

    def __init__(
        self,
        mask: np.ndarray,
        colour: Colour | None = SOUNDING,  # None takes the AVSS palette's colour of each class
        *,
        alpha: float = 0.45,  # opacity of the tint
        outline: int | None = None,  # width in pixels; None adapts it to the size, 0 omits it
    ) -> None:
        self.mask = mask
        self.colour = colour
        self.alpha = alpha
        self.width = max(1, round(min(mask.shape) / 240)) if outline is None else outline

    def on(self, frame: np.ndarray) -> np.ndarray:
        """Mark a frame (H, W, 3) uint8 of the mask's size; returns a new array."""
        if frame.shape[:2] != self.mask.shape:
            raise ValueError(f"a mask of size {self.mask.shape} does not fit a frame of size {frame.shape[:2]}")
        marked = frame.copy()
        box, keep, add = self._blend
        blend = marked[box] * keep
        blend += add
        blend >>= 8  # both factors are in 1/256
        marked[box] = blend
        return marked

    @cached_property
    def _blend(self) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
        """Mask's bounding box; the share of a frame to keep in it, in 1/256 (h, w, 1); the colour to add (h, w, 3).

        Integers, computed once for many frames and only within the box: painting a video spends its time in `on`.
        """
        box = bounding_box(self.mask)
        mask = self.mask[box]
        border = self._border[box]
        tint = class_colours(mask.astype(np.intp)) if self.colour is None else np.asarray(self.colour)
        share = (mask != 0).astype(np.uint16)[..., None] * np.uint16(round(256 * self.alpha))  # (h, w, 1)
        add = tint.astype(np.uint16) * share
        share[border] = 256  # opaque
        add[border] = np.asarray(WHITE) * 256
        return box, 256 - share, add

    @cached_property
    def _border(self) -> np.ndarray:
        """(H, W) bool: marked pixels within `width` pixels of another class or of the background."""
        labels = self.mask.astype(np.uint8)
        differs = _extremum(labels, self.width, np.maximum) != _extremum(labels, self.width, np.minimum)
        # the outline is drawn inside the mask, so that it never hides what is not marked
        border: np.ndarray = differs & (labels > 0)
        return border


def _extremum(labels: np.ndarray, width: int, ufunc: np.ufunc) -> np.ndarray:
    """Filter (H, W) by the maximum, or minimum, of each square window of `width` pixels to each side."""
    for axis in (0, 1):  # the filter is separable
        source = np.moveaxis(labels, axis, 0)
        target = source.copy()
        for step in range(1, width + 1):
            # the pixels before and after each one
            ufunc(target[step:], source[:-step], out=target[step:])
            ufunc(target[:-step], source[step:], out=target[:-step])
        labels = np.moveaxis(target, 0, axis)
    return labels


def bounding_box(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the smallest box around the marked pixels."""
    rows = np.flatnonzero(mask.any(1))
    columns = np.flatnonzero(mask.any(0))
    if not len(rows):  # an empty mask has an empty box
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def upsample(probability: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a probability map (h, w) to (height, width), bilinear."""
    if probability.shape == (height, width):
        return probability
    grid = torch.from_numpy(np.ascontiguousarray(probability, dtype=np.float32))[None, None]  # (1, 1, h, w)
    result: np.ndarray = F.interpolate(grid, (height, width), mode="bilinear", align_corners=False)[0, 0].numpy()
    return result
