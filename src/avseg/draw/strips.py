"""Rows of a picture: the T seconds of a clip side by side, as frames, masks or sound."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from avseg.draw.overlay import Colour, Overlay, upsample
from avseg.utils.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAP = 0.03  # white between two seconds, as a share of a picture's width


@dataclass(eq=False)
class Row:
    """A row of T pictures.

    Attributes:
        label: what it shows, written on the left.
        pictures: (T, H, W, 3) uint8; None for the sound.
        mel: (T, 96, 64) log-mel patches; None for pictures.
        notes: T short texts written onto the pictures, or none.
    """

    label: str
    pictures: np.ndarray | None = None
    mel: np.ndarray | None = None
    notes: Sequence[str] = ()


def marked(frames: np.ndarray, masks: np.ndarray, colour: Colour) -> np.ndarray:
    """Masks in colour over faint frames: (T, H, W, 3) uint8.

    Args:
        frames: (T, H, W, 3) uint8.
        masks: (T, h, w); probabilities (floats; above 0.5 counts), or integers: 1 = sounding, or palette classes.
        colour: RGB; masks with classes above 1 take the palette's colours.
    """
    height, width = frames.shape[1:3]
    if masks.dtype.kind == "f":
        masks = np.stack([upsample(mask, height, width) > 0.5 for mask in masks])
    tint = None if masks.max(initial=0) > 1 else colour
    grey = np.broadcast_to(frames.mean(-1, keepdims=True) * 0.5 + 30, frames.shape).astype(np.uint8)
    pairs = zip(grey, masks, strict=True)
    return np.stack([Overlay(mask, tint, alpha=0.7, outline=1).on(frame) for frame, mask in pairs])


def draw_rows(axes: Sequence["Axes"], rows: Sequence[Row], title: str = "") -> None:
    """Draws each row into its axes; all seconds line up."""
    axes[0].set_title(title, fontsize=9, loc="left")
    for axis, row in zip(axes, rows, strict=True):
        if row.pictures is not None:
            _draw_pictures(axis, row.pictures, row.notes)
        if row.mel is not None:
            _draw_sound(axis, row.mel)
        axis.set_ylabel(fill(row.label, 15), fontsize=8, rotation=0, ha="right", va="center")
        axis.set_xticks([])
        axis.set_yticks([])
        for spine in axis.spines.values():
            spine.set_visible(False)


def new_figure(columns: int, lines: Sequence[Sequence[Row]], size: float = 1.25) -> tuple["Figure", list[list["Axes"]]]:
    """A figure for several clips, each a block of rows; `columns` blocks side by side.

    Args:
        columns: blocks in a line.
        lines: the blocks' rows.
        size: width of one picture in inches.
    """
    from matplotlib.figure import Figure

    seconds, shape = _shape(lines)
    heights = [size * (shape if row.pictures is not None else 0.5) for row in lines[0]]
    deep = -(-len(lines) // columns)
    block = sum(heights) + 0.45  # the title's
    figure = Figure(figsize=(columns * (seconds * size * (1 + GAP) + 1.1), deep * block + 0.1))
    blocks = []
    for index in range(len(lines)):
        line, column = divmod(index, columns)
        grid = figure.add_gridspec(
            len(heights),
            1,
            height_ratios=heights,
            hspace=0.06,
            left=(column + 1.0 / (seconds * size * (1 + GAP) + 1.1)) / columns,
            right=(column + 0.99) / columns,
            top=1 - (line * block + 0.35) / (deep * block + 0.1),
            bottom=1 - ((line + 1) * block - 0.1) / (deep * block + 0.1),
        )
        blocks.append([figure.add_subplot(grid[row, 0]) for row in range(len(heights))])
    return figure, blocks


def save_figure(figure: "Figure", path: Path, dpi: int = 100) -> None:
    """Writes a figure as PNG, all or nothing."""
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=dpi, facecolor="white", format="png")


def _shape(lines: Sequence[Sequence[Row]]) -> tuple[int, float]:
    """Number of seconds, and height over width of a picture."""
    pictures = [row.pictures for rows in lines for row in rows if row.pictures is not None]
    return max(len(some) for some in pictures), pictures[0].shape[1] / pictures[0].shape[2]


def _draw_pictures(axis: "Axes", pictures: np.ndarray, notes: Sequence[str]) -> None:
    shape = pictures.shape[1] / pictures.shape[2]
    for place, picture in enumerate(pictures):
        left = place * (1 + GAP)
        axis.imshow(picture, extent=(left, left + 1, 0, shape), interpolation="nearest", aspect="auto")
    for place, note in enumerate(notes):
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8}
        axis.text(place * (1 + GAP) + 0.03, 0.04 * shape, note, fontsize=7, va="bottom", bbox=box)
    axis.set_xlim(0, len(pictures) * (1 + GAP) - GAP)
    axis.set_ylim(0, shape)


def _draw_sound(axis: "Axes", mel: np.ndarray) -> None:
    """The log-mel of each second (low tones at the bottom) and, as a white line, how its loudness runs."""
    low, high = np.log(0.01), max(float(mel.max()), 0.0)
    for place, patch in enumerate(mel):
        left = place * (1 + GAP)
        axis.imshow(
            patch.T, extent=(left, left + 1, 0, 1), origin="lower", aspect="auto", vmin=low, vmax=high, cmap="cividis"
        )
        loudness = (patch.max(1) - low) / (high - low)
        axis.plot(
            left + (np.arange(len(patch)) + 0.5) / len(patch), 0.05 + 0.9 * loudness, color="white", linewidth=0.8
        )
    axis.set_xlim(0, len(mel) * (1 + GAP) - GAP)
    axis.set_ylim(0, 1)
