"""Strips of images: the T seconds of a clip next to each other, as frames, masks or sound."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from avseg.draw.overlay import Colour, Overlay, upsample
from avseg.utils.files import atomic_file

Box: TypeAlias = tuple[float, float, float, float]  # left, right, bottom and top in inches

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAP = 0.03  # white between two seconds, as a share of an image's width
_LABEL, _TITLE, _ROW_GAP = 1.1, 0.45, 0.06  # inches
_TITLE_LINE, _TITLE_LETTER = 0.17, 0.075  # inches of each further line, and of a letter
_LABEL_LETTERS = 16  # in a line
_MIN_FRAMES = 32  # columns of a patch of sound


@dataclass(eq=False)
class Wave:
    """The waveform of T seconds: lowest and highest sample of equal parts, and which seconds are audible."""

    extrema: np.ndarray  # (T, parts, 2)
    audible: np.ndarray  # (T,) bool


@dataclass(eq=False)
class Row:
    """A row of T images, or T patches of sound."""

    label: str  # its caption, on the left
    images: np.ndarray | None = None  # (T, H, W, 3) uint8
    mel: np.ndarray | None = None  # (T, 96, 64) log-mel patches
    wave: "Wave | None" = None
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


def colour_maps(maps: np.ndarray) -> np.ndarray:
    """Draw maps (T, H, W) in 0 to 1 in colours from black (0) to light yellow (1), (T, H, W, 3) uint8."""
    from matplotlib import colormaps

    return np.asarray(colormaps["magma"](maps, bytes=True)[..., :3])


def draw_blocks(path: Path, columns: int, blocks: Sequence[tuple[str, Sequence[Row]]], size: float = 1.25) -> None:
    """Write a PNG, or by the suffix a PDF, of clips; see `blocks_figure`."""
    save_figure(blocks_figure(columns, blocks, size), path)


def blocks_figure(
    columns: int, blocks: Sequence[tuple[str, Sequence[Row]]], size: float = 1.25, caption: str = ""
) -> "Figure":
    """Draw clips, each a title and its rows, with images `size` inches wide and all seconds aligned.

    The caption is written below all of them.

    All are drawn in one pair of axes in inches: matplotlib takes longer to make axes than to draw an image.
    """
    from matplotlib.figure import Figure

    stacks = [row.images for _, rows in blocks for row in rows if row.images is not None]
    seconds = max(map(len, stacks))  # of the longest clip
    aspect = stacks[0].shape[1] / stacks[0].shape[2]  # height over width
    heights = [size * (aspect if row.images is not None else 0.5) for row in blocks[0][1]]
    lines = -(-len(blocks) // columns)  # rounded up
    image_width = seconds * size * (1 + GAP)
    letters = max(1, int(image_width / _TITLE_LETTER))  # of many methods' scores some lines
    titles = [fill(title, letters, break_on_hyphens=False) for title, _ in blocks]
    title_height = _TITLE + _TITLE_LINE * max(title.count("\n") for title in titles)
    block_height = sum(heights) + _ROW_GAP * (len(heights) - 1) + title_height
    block_width = image_width + _LABEL
    foot = 0.3 if caption else 0.0
    figure = Figure(figsize=(columns * block_width, lines * block_height + 0.1 + foot))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_xlim(0, columns * block_width)
    axis.set_ylim(-foot, lines * block_height + 0.1)
    axis.text(0.1, -0.1, caption, fontsize=8, va="center", color="0.35", parse_math=False)
    axis.set_axis_off()
    for index, (title, (_, rows)) in enumerate(zip(titles, blocks, strict=True)):
        line, column = divmod(index, columns)
        left = column * block_width + _LABEL - 0.1
        top = (lines - line) * block_height + 0.1 - (title_height - 0.1)
        axis.text(left, top + 0.05, title, fontsize=9, va="bottom", parse_math=False)
        for row, height in zip(rows, heights, strict=True):
            _draw_row(axis, row, (left, left + image_width, top - height, top))
            top -= height + _ROW_GAP
    return figure


def save_figure(figure: "Figure", path: Path, dpi: int = 100) -> None:
    """Write a figure atomically, as PNG or by the suffix as PDF."""
    # a quick compression: files 4 % larger, a fifth of the time less
    form = {"format": "pdf"} if path.suffix == ".pdf" else {"format": "png", "pil_kwargs": {"compress_level": 3}}
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=dpi, facecolor="white", **form)


def _join(images: np.ndarray, gap: float) -> np.ndarray:
    """Join images (T, H, W, ...) with columns of the value `gap` between them: (H, T * W + T - 1 gaps, ...).

    A single image of matplotlib is drawn several times faster than T of them.
    """
    width = images.shape[2]
    columns = max(1, round(GAP * width))
    filler = np.full((*images.shape[:2], columns, *images.shape[3:]), gap, images.dtype)
    strip = np.moveaxis(np.concatenate([images, filler], axis=2), 0, 1)  # (H, T, W + columns, ...)
    return strip.reshape(len(strip), -1, *images.shape[3:])[:, :-columns]


def _draw_row(axis: "Axes", row: Row, box: Box) -> None:
    left, _, bottom, top = box
    axis.text(
        left - 0.06,
        (bottom + top) / 2,
        fill(row.label, _LABEL_LETTERS),
        fontsize=8,
        ha="right",
        va="center",
        parse_math=False,
    )
    if row.images is not None:
        _draw_images(axis, row.images, row.notes, box)
    if row.mel is not None:
        _draw_sound(axis, row.mel, box)
    if row.wave is not None:
        _draw_wave(axis, row.wave, box)


def _draw_images(axis: "Axes", images: np.ndarray, notes: Sequence[str], box: Box) -> None:
    strip = _join(images, 255)
    axis.imshow(strip, extent=box, interpolation="nearest", aspect="auto")
    left, right, bottom, _ = box
    width = (right - left) * images.shape[2] / strip.shape[1]  # of an image
    frame = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8}
    for second, note in enumerate(notes):
        start = left + (second * (1 + GAP) + 0.03) * width
        axis.text(start, bottom + 0.05, note, fontsize=7, va="bottom", bbox=frame)


def _draw_wave(axis: "Axes", wave: Wave, box: Box) -> None:
    """Draw the waveform, scaled to the loudest sample: audible seconds dark on a tint, the others grey."""
    left, right, bottom, top = box
    seconds, columns = wave.extrema.shape[:2]
    width = (right - left) / (seconds + (seconds - 1) * GAP)  # of a second, as the images are spaced
    loudest = max(float(np.abs(wave.extrema).max(initial=0)), 0.03)  # faint noise has no scale of its own
    middle, scale = (bottom + top) / 2, 0.46 * (top - bottom) / loudest
    for second, audible in enumerate(wave.audible):
        start = left + second * (1 + GAP) * width
        times = start + (np.arange(columns) + 0.5) / columns * width
        low, high = middle + scale * wave.extrema[second].T
        fill_colour, line_colour = ("#dceaf4", "#1f4e6b") if audible else ("#f2f2f2", "#a0a0a0")
        axis.fill_between([start, start + width], bottom, top, color=fill_colour, linewidth=0)
        axis.fill_between(times, low, high, color=line_colour, linewidth=0.5)


def _draw_sound(axis: "Axes", mel: np.ndarray, box: Box) -> None:
    """Draw the log-mel patch of each second, low frequencies at the bottom, and its loudness as a white line."""
    low = np.log(0.01)  # the front end's value of silence
    high = max(float(mel.max()), 0.0)
    # a patch of few frames is widened, so that the gap is narrow next to it
    patches = np.repeat(mel, -(-_MIN_FRAMES // mel.shape[1]), axis=1)
    # (T, frames, bands) -> bands along y; imshow leaves NaN out
    strip = _join(patches.swapaxes(1, 2).astype(np.float32), np.nan)
    axis.imshow(strip, extent=box, origin="lower", aspect="auto", vmin=low, vmax=high, cmap="cividis")
    loudness = (strip.max(0) - low) / (high - low)  # (columns,) in [0, 1], NaN in the gaps
    left, right, bottom, top = box
    times = left + (right - left) * (np.arange(len(loudness)) + 0.5) / len(loudness)
    axis.plot(times, bottom + (top - bottom) * (0.05 + 0.9 * loudness), color="white", linewidth=0.8)
