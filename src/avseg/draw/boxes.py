"""Mark classes on a frame: masks as a tint, boxes as rectangles, each with its name; audible classes by name alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from avseg.draw.labels import name_label
from avseg.draw.overlay import WHITE, Colour, Overlay, bounding_box


class Rectangle(NamedTuple):
    """A rectangle in pixels; bottom and right are exclusive."""

    top: int
    left: int
    bottom: int
    right: int

    def overlaps(self, box: "Rectangle") -> bool:
        """True if the two rectangles share a pixel."""
        return self.top < box.bottom and box.top < self.bottom and self.left < box.right and box.left < self.right


@dataclass(frozen=True, eq=False)
class Mark:
    """A class in a frame; without mask and boxes it is audible but not visible."""

    name: str
    colour: Colour
    mask: np.ndarray | None = None  # (H, W) bool
    # (k, 4), left, top, right, bottom in pixels
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))

    def regions(self) -> np.ndarray:
        """Return the boxes (k, 4), or the box around the mask."""
        if self.mask is None or not self.mask.any():
            return self.boxes
        rows, columns = bounding_box(self.mask)
        return np.array([[columns.start, rows.start, columns.stop, rows.stop]])


class MarkedFrame:
    """Marks prepared for drawing on many frames of one size (H, W); later marks cover earlier ones."""

    def __init__(self, size: tuple[int, int], marks: Sequence[Mark]) -> None:
        self.size = size
        self.marks = list(marks)
        self.overlays: list[Overlay] = []
        for mark in marks:
            if mark.mask is not None:
                self.overlays.append(Overlay(mark.mask, mark.colour, alpha=0.55))
        self.line = max(1, round(min(size) / 200))  # width in pixels
        self.labels = _place_names(self.marks, size)

    def on(self, frame: np.ndarray) -> np.ndarray:
        """Mark a frame (H, W, 3) uint8; returns a new array."""
        marked = frame.copy()
        for overlay in self.overlays:
            marked = overlay.on(marked)
        for mark in self.marks:
            for box in mark.boxes:
                draw_box(marked, box, mark.colour, self.line)
        for (top, left, bottom, right), label in self.labels:
            # a label at the edge of the frame is cut
            marked[top:bottom, left:right] = label[: bottom - top, : right - left]
        return marked


def draw_box(frame: np.ndarray, box: Sequence[float] | np.ndarray, colour: Colour, line: int) -> None:
    """Draw a coloured rectangle between two thin white lines, visible on any background.

    The frame (H, W, 3) uint8 is changed in place. The box is left, top, right, bottom in pixels, cut where it exceeds
    the frame; `line` is the width of the coloured line in pixels.
    """
    thin = max(1, line // 2)  # of the white lines
    # the white rectangle is wider by `thin` on both sides of the coloured one
    _draw_outline(frame, box, -thin, 2 * thin + 2 * line, WHITE)
    _draw_outline(frame, box, 0, 2 * line, colour)


def _draw_outline(frame: np.ndarray, box: Sequence[float] | np.ndarray, inset: int, width: int, colour: Colour) -> None:
    """Draw the four sides of a box made smaller by `inset`, `width` pixels inwards."""
    height, columns = frame.shape[:2]
    left, top, right, bottom = np.rint(np.asarray(box, np.float64)).astype(int)
    left, right = np.clip([left + inset, right - inset], 0, columns)
    top, bottom = np.clip([top + inset, bottom - inset], 0, height)
    frame[top : min(top + width, bottom), left:right] = colour
    frame[max(bottom - width, top) : bottom, left:right] = colour
    frame[top:bottom, left : min(left + width, right)] = colour
    frame[top:bottom, max(right - width, left) : right] = colour


def _place_names(marks: Sequence[Mark], size: tuple[int, int]) -> list[tuple[Rectangle, np.ndarray]]:
    """Place each name above its region, or in the lower left corner if it has none, without overlaps."""
    rows = max(11, round(min(size) / 22))  # the least that is legible
    labels: list[tuple[Rectangle, np.ndarray]] = []
    for mark in marks:
        label = name_label(mark.name, mark.colour, rows)
        for left, top, *_ in mark.regions():
            labels.append((_free_rectangle(int(top) - rows, int(left), label, size, labels, downwards=True), label))
    for mark in marks:
        if not len(mark.regions()):
            label = name_label(f"♪ {mark.name}", mark.colour, rows)
            labels.append((_free_rectangle(size[0] - rows, 0, label, size, labels, downwards=False), label))
    return labels


def _free_rectangle(
    top: int,
    left: int,
    label: np.ndarray,
    size: tuple[int, int],
    labels: Iterable[tuple[Rectangle, np.ndarray]],
    *,
    downwards: bool,
) -> Rectangle:
    """Find the nearest free rectangle for a label from (top, left) down or up, then in the opposite direction.

    If the column is full of names the label covers some; what exceeds the frame is cut.
    """
    height, width = size
    rows, columns = label.shape[:2]
    left = max(0, min(left, width - columns))  # inside the frame, if it fits
    lowest = max(0, height - rows)
    top = max(0, min(top, lowest))
    below = range(top, lowest + 1)
    above = range(top, -1, -1)
    # (top, left) itself if nothing is free
    candidates = (*below, *above, top) if downwards else (*above, *below, top)
    for row in candidates:
        rectangle = Rectangle(row, left, row + rows, left + columns)
        if not any(rectangle.overlaps(used) for used, _ in labels):
            break
    return rectangle._replace(bottom=min(rectangle.bottom, height), right=min(rectangle.right, width))
