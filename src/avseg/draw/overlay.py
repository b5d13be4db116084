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
        marked = frame.copy()
        box, keep, add = self._blend
        blend = marked[box] * keep
        blend += add
        blend >>= 8
        marked[box] = blend
        return marked

    @cached_property
    def _blend(self) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
        """The box around the mask; in it what to keep of a frame, in 1/256 (h, w, 1), and what to add (h, w, 3).

        Whole numbers, worked out once for many frames and within the box only: the painting of a video spends its time
        here.
        """
        box = _box(self.mask)
        mask, border = self.mask[box], self._border[box]
        tint = class_colours(mask.astype(np.intp)) if self.colour is None else np.asarray(self.colour)
        share = (mask != 0).astype(np.uint16)[..., None] * np.uint16(round(256 * self.alpha))
        add = tint.astype(np.uint16) * share
        share[border] = 256
        add[border] = np.asarray(WHITE) * 256
        return box, 256 - share, add

    @cached_property
    def _border(self) -> np.ndarray:
        """(H, W) bool: in the mask and within `width` pixels of another class or of none."""
        labels = self.mask.astype(np.uint8)
        differs = _spread(labels, self.width, np.maximum) != _spread(labels, self.width, np.minimum)
        border: np.ndarray = differs & (labels > 0)
        return border


def _spread(labels: np.ndarray, width: int, extreme: np.ufunc) -> np.ndarray:
    """The largest, or smallest, value within `width` pixels of each, along both axes."""
    for axis in (0, 1):
        source = np.moveaxis(labels, axis, 0)
        target = source.copy()
        for step in range(1, width + 1):
            extreme(target[step:], source[:-step], out=target[step:])
            extreme(target[:-step], source[step:], out=target[:-step])
        labels = np.moveaxis(target, 0, axis)
    return labels


def _box(mask: np.ndarray) -> tuple[slice, slice]:
    """The smallest box around what is marked."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


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
