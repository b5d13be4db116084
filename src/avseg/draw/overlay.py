"""Marks the sounding pixels on a frame: a tint with an outline, so that it shows on any background."""

from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F

from avseg.draw.palette import SOUNDING, class_colours

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)


class Overlay:
    """A mask ready to be laid over many frames.

    Args:
        mask: (H, W) bool, or integers with a class index per pixel (0 = not marked).
        colour: RGB of the tint; None takes the AVSS palette's colour of each class.
        alpha: share of the tint, 0 to 1.
        outline: width of the outline in pixels; None suits the size, 0 draws none.
    """

    def __init__(
        self, mask: np.ndarray, colour: Colour | None = SOUNDING, *, alpha: float = 0.45, outline: int | None = None
    ) -> None:
        self.mask = mask
        self.colour = colour
        self.alpha = alpha
        self.width = max(1, round(min(mask.shape) / 240)) if outline is None else outline

    def on(self, frame: np.ndarray) -> np.ndarray:
        """The marked frame, a new (H, W, 3) uint8 array.

        Args:
            frame: (H, W, 3) uint8 of the mask's size.
        """
        if frame.shape[:2] != self.mask.shape:
            raise ValueError(f"a mask of size {self.mask.shape} does not fit a frame of size {frame.shape[:2]}")
        marked = frame.reshape(-1, 3).copy()
        inside, tint = self._inside
        # whole numbers of 1/256: four times faster than floats
        marked[inside] = (marked[inside].astype(np.uint16) * (256 - round(256 * self.alpha)) + tint) >> 8
        marked[self._border] = WHITE
        return marked.reshape(frame.shape)

    @cached_property
    def _inside(self) -> tuple[np.ndarray, np.ndarray]:
        places = np.flatnonzero(self.mask)
        if self.colour is None:
            colours = class_colours(self.mask.reshape(-1)[places].astype(np.int64))
        else:
            colours = np.asarray(self.colour)
        return places, (colours * round(256 * self.alpha)).astype(np.uint16)

    @cached_property
    def _border(self) -> np.ndarray:
        """Places in the mask within `width` pixels of another class or of none."""
        if not self.width:
            return np.zeros(0, np.intp)
        labels = torch.from_numpy(self.mask.astype(np.float32))[None, None]
        size = 2 * self.width + 1
        high = F.max_pool2d(labels, size, 1, self.width)
        low = -F.max_pool2d(-labels, size, 1, self.width)
        return np.flatnonzero(((high != low) & (labels > 0)).numpy())


def overlay(
    frame: np.ndarray,
    probability: np.ndarray,
    *,
    threshold: float = 0.5,
    colour: Colour = SOUNDING,
    alpha: float = 0.45,
    outline: int | None = None,
) -> np.ndarray:
    """Marks where a probability lies above the threshold.

    Args:
        frame: (H, W, 3) uint8.
        probability: (h, w) in [0, 1], of any size.
        threshold: what counts as sounding.
        colour: RGB of the tint.
        alpha: share of the tint.
        outline: width of the outline in pixels; None suits the size, 0 draws none.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = frame.shape[:2]
    return Overlay(upsample(probability, height, width) > threshold, colour, alpha=alpha, outline=outline).on(frame)


def upsample(probability: np.ndarray, height: int, width: int) -> np.ndarray:
    """A probability map (h, w) brought to (height, width), bilinear."""
    if probability.shape == (height, width):
        return probability
    grid = torch.from_numpy(np.ascontiguousarray(probability, dtype=np.float32))[None, None]
    result: np.ndarray = F.interpolate(grid, (height, width), mode="bilinear", align_corners=False)[0, 0].numpy()
    return result
