"""Strips of images: the T seconds of a clip next to each other, as frames, masks or sound."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from avseg.draw.overlay import Colour, Overlay, upsample
from avseg.utils.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAP = 0.03  # white between two seconds, as a share of an image's width
_LABEL, _TITLE = 1.1, 0.45  # inches


@dataclass(eq=False)
class Row:
    """A row of T images, or T patches of sound."""

    label: str  # its caption, on the left
    images: np.ndarray | None = None  # (T, H, W, 3) uint8
    mel: np.ndarray | None = None  # (T, 96, 64) log-mel patches
    notes: Sequence[str] = ()  # T short texts written on the images, or none


def tint_frames(frames: np.ndarray, masks: np.ndarray, colour: Colour) -> np.ndarray:
    """Draw masks in colour over faint frames (T, H, W, 3) uint8; returns new frames.

    Masks (T, h, w) are probabilities (floats; above 0.5 counts), or integers: 1 = sounding, or class indices. Classes
    above 1 take the palette's colours instead of `colour`.
    """
    height, width = frames.shape[1:3]
    tint = None if masks.max(initial=0) > 1 else colour  # probabilities never exceed 1
    # (T, H, W, 3) -> one grey channel, broadcast to three
    grey = np.broadcast_to(frames.mean(-1, keepdims=True) * 0.5 + 30, frames.shape).astype(np.uint8)
    tinted = np.empty_like(grey)
    for second, mask in enumerate(masks):
        if mask.dtype.kind == "f":
            mask = upsample(mask, height, width) > 0.5
        tinted[second] = Overlay(mask, tint, alpha=0.7, outline=1).on(grey[second])
    return tinted


def draw_rows(axes: Sequence["Axes"], rows: Sequence[Row], title: str = "") -> None:
    """Draw each row into its axes, with all seconds aligned."""
    axes[0].set_title(title, fontsize=9, loc="left")
    for axis, row in zip(axes, rows, strict=True):
        if row.images is not None:
            _draw_images(axis, row.images, row.notes)
        if row.mel is not None:
            _draw_sound(axis, row.mel)
        axis.set_ylabel(fill(row.label, 15), fontsize=8, rotation=0, ha="right", va="center")
        axis.set_xticks([])
        axis.set_yticks([])
        for spine in axis.spines.values():
            spine.set_visible(False)


def new_figure(
    columns: int, blocks: Sequence[Sequence[Row]], size: float = 1.25
) -> tuple["Figure", list[list["Axes"]]]:
    """Create a figure of clips, each a block of rows with images `size` inches wide; also returns their axes."""
    from matplotlib.figure import Figure

    stacks = [row.images for row in chain.from_iterable(blocks) if row.images is not None]
    seconds = max(map(len, stacks))  # of the longest clip
    aspect = stacks[0].shape[1] / stacks[0].shape[2]  # height over width
    heights = [size * (aspect if row.images is not None else 0.5) for row in blocks[0]]
    lines = -(-len(blocks) // columns)  # rounded up
    # everything in inches; the grid below takes shares of the figure
    block_height = sum(heights) + _TITLE
    block_width = seconds * size * (1 + GAP) + _LABEL
    figure_height = lines * block_height + 0.1
    figure = Figure(figsize=(columns * block_width, figure_height))
    axes = []
    for index in range(len(blocks)):
        line, column = divmod(index, columns)
        grid = figure.add_gridspec(
            len(heights),
            1,
            height_ratios=heights,
            hspace=0.06,
            left=(column + 1.0 / block_width) / columns,
            right=(column + 0.99) / columns,
            top=1 - (line * block_height + 0.35) / figure_height,
            bottom=1 - ((line + 1) * block_height - 0.1) / figure_height,
        )
        axes.append([figure.add_subplot(grid[row, 0]) for row in range(len(heights))])
    return figure, axes


def save_figure(figure: "Figure", path: Path, dpi: int = 100) -> None:
    """Write a figure as PNG, atomically."""
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=dpi, facecolor="white", format="png")


def _draw_images(axis: "Axes", images: np.ndarray, notes: Sequence[str]) -> None:
    aspect = images.shape[1] / images.shape[2]
    for second, image in enumerate(images):
        left = second * (1 + GAP)
        axis.imshow(image, extent=(left, left + 1, 0, aspect), interpolation="nearest", aspect="auto")
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8}
    for second, note in enumerate(notes):
        axis.text(second * (1 + GAP) + 0.03, 0.04 * aspect, note, fontsize=7, va="bottom", bbox=box)
    axis.set_xlim(0, len(images) * (1 + GAP) - GAP)
    axis.set_ylim(0, aspect)


def _draw_sound(axis: "Axes", mel: np.ndarray) -> None:
    """Draw the log-mel patch of each second, low frequencies at the bottom, and its loudness as a white line."""
    low = np.log(0.01)  # the front end's value of silence
    high = max(float(mel.max()), 0.0)
    for second, patch in enumerate(mel):
        left = second * (1 + GAP)
        extent = (left, left + 1, 0, 1)
        # (96 frames, 64 bands) -> bands along y
        axis.imshow(patch.T, extent=extent, origin="lower", aspect="auto", vmin=low, vmax=high, cmap="cividis")
        loudness = (patch.max(1) - low) / (high - low)  # (96,) in [0, 1]
        times = left + (np.arange(len(patch)) + 0.5) / len(patch)
        axis.plot(times, 0.05 + 0.9 * loudness, color="white", linewidth=0.8)
    axis.set_xlim(0, len(mel) * (1 + GAP) - GAP)
    axis.set_ylim(0, 1)
