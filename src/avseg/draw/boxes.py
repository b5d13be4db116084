"""Marks classes on a frame: masks as a tint, boxes as rectangles, each with its name; and what is heard unseen."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from avseg.draw.labels import chip
from avseg.draw.overlay import WHITE, Colour, Overlay

_Place = tuple[int, int, int, int]  # top, left, bottom, right


def _no_boxes() -> np.ndarray:
    return np.zeros((0, 4), np.float32)


@dataclass(frozen=True, eq=False)
class Mark:
    """A class in a frame; without mask and boxes it is heard, not seen.

    Attributes:
        name: of the class.
        colour: RGB.
        mask: (H, W) bool, or None.
        boxes: (k, 4), left, top, right, bottom in pixels.
    """

    name: str
    colour: Colour
    mask: np.ndarray | None = None
    boxes: np.ndarray = field(default_factory=_no_boxes)


class MarkedFrame:
    """Marks ready to be laid over many frames.

    Args:
        size: height and width of the frames.
        marks: the classes; later ones lie above earlier ones.
    """

    def __init__(self, size: tuple[int, int], marks: Sequence[Mark]) -> None:
        self.size, self.marks = size, list(marks)
        self.overlays = [Overlay(mark.mask, mark.colour, alpha=0.55) for mark in marks if mark.mask is not None]
        self.line = max(1, round(min(size) / 200))
        self.chips = _place_names(self.marks, size)

    def on(self, frame: np.ndarray) -> np.ndarray:
        """The marked frame, a new (H, W, 3) uint8 array.

        Args:
            frame: (H, W, 3) uint8.
        """
        marked = frame.copy()
        for overlay in self.overlays:
            marked = overlay.on(marked)
        for mark in self.marks:
            for box in mark.boxes:
                draw_box(marked, box, mark.colour, self.line)
        for (top, left, bottom, right), picture in self.chips:
            marked[top:bottom, left:right] = picture[: bottom - top, : right - left]
        return marked


def draw_box(frame: np.ndarray, box: Sequence[float] | np.ndarray, colour: Colour, line: int) -> None:
    """Draws a rectangle into a frame: coloured, between two thin white lines, so that it shows on any ground.

    Args:
        frame: (H, W, 3) uint8, changed in place.
        box: left, top, right, bottom in pixels; what lies outside the frame is cut.
        colour: RGB.
        line: width of the coloured line in pixels.
    """
    thin = max(1, line // 2)
    for shrink, width, shade in ((-thin, 2 * thin + 2 * line, WHITE), (0, 2 * line, colour)):
        _frame_of(frame, box, shrink, width, shade)


def _frame_of(frame: np.ndarray, box: Sequence[float] | np.ndarray, shrink: int, width: int, colour: Colour) -> None:
    """The four sides of a box made smaller by `shrink`, drawn inwards."""
    height, columns = frame.shape[:2]
    left, top, right, bottom = (round(float(value)) for value in box)
    left, right = (int(np.clip(value, 0, columns)) for value in (left + shrink, right - shrink))
    top, bottom = (int(np.clip(value, 0, height)) for value in (top + shrink, bottom - shrink))
    frame[top : min(top + width, bottom), left:right] = colour
    frame[max(bottom - width, top) : bottom, left:right] = colour
    frame[top:bottom, left : min(left + width, right)] = colour
    frame[top:bottom, max(right - width, left) : right] = colour


def _place_names(marks: Sequence[Mark], size: tuple[int, int]) -> list[tuple[_Place, np.ndarray]]:
    """Where each name is written: above its region, or in the lower left corner if it has none; apart."""
    rows = max(11, round(min(size) / 22))
    placed: list[tuple[_Place, np.ndarray]] = []
    for mark in marks:
        picture = chip(mark.name, mark.colour, rows)
        for left, top, *_ in _regions(mark):
            placed.append((_free(int(top) - rows, int(left), picture, size, placed, 1), picture))
    for mark in marks:
        if not len(_regions(mark)):
            picture = chip(f"♪ {mark.name}", mark.colour, rows)
            placed.append((_free(size[0] - rows, 0, picture, size, placed, -1), picture))
    return placed


def _regions(mark: Mark) -> np.ndarray:
    """(k, 4) boxes, or the one around the mask."""
    if mark.mask is None or not mark.mask.any():
        return mark.boxes
    rows, columns = np.flatnonzero(mark.mask.any(1)), np.flatnonzero(mark.mask.any(0))
    return np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]])


def _free(
    top: int, left: int, picture: np.ndarray, size: tuple[int, int], placed: list[tuple[_Place, np.ndarray]], step: int
) -> _Place:
    """The first place down (step 1) or up (-1) from (top, left), else the other way, that no name covers.

    Where the frame is full of names, (top, left) itself; what reaches over the frame is cut.
    """
    height, width = size
    rows, columns = picture.shape[:2]
    left, lowest = max(0, min(left, width - columns)), max(0, height - rows)
    top = max(0, min(top, lowest))
    ahead, back = (range(top, lowest + 1), range(top, -1, -1))[::step]
    for place in (*ahead, *back, top):
        if not any(_overlap((place, left, place + rows, left + columns), taken) for taken, _ in placed):
            break
    return place, left, min(place + rows, height), min(left + columns, width)


def _overlap(one: _Place, other: _Place) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
