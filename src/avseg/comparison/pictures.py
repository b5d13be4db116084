"""Panels like Figures A4 to A6 of the AVS paper's supplementary, and videos with all methods side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from avseg.comparison.shown_clip import ShownClip
from avseg.draw.labels import name_label
from avseg.draw.overlay import Colour, Overlay
from avseg.draw.palette import SOUNDING, TRUTH
from avseg.draw.strips import Row, blocks_figure, save_figure, tint_frames
from avseg.media.video_writer import make_clip_video
from avseg.utils.names import short_name

_DPI = 150
_LINE = 4  # cells of a video in a line, at most, before they are divided over two
_SIDE = 256  # pixels of the longer side of a cell, at least
_NAME_BYTES = 150  # of file names


def save_panels(folder: Path, clips: Sequence[tuple[ShownClip, str]]) -> None:
    """Write a panel per clip and `figure`, which holds all, as PNG and PDF; the text says why a clip was chosen."""
    blocks = [(_title(clip, reason), panel_rows(clip)) for clip, reason in clips]
    for (clip, _), block in zip(clips, blocks, strict=True):
        _save(folder / file_name(clip), 1, [block])
    if blocks:
        _save(folder / "figure", min(2, len(blocks)), blocks)


def panel_rows(clip: ShownClip) -> list[Row]:
    """Return the rows of a panel: frames, sound track, each method with J of its frames, truth."""
    seconds = [f"{second + 1} s" for second in range(len(clip.frames))]
    rows = [Row("frames", clip.frames, notes=seconds), Row("sound track", wave=clip.wave)]
    for name, masks in clip.masks.items():
        notes = clip.iou_texts(name, prefix="J ")
        rows.append(Row(name, tint_frames(clip.frames, masks, SOUNDING), notes=notes))
    return [*rows, Row("truth", tint_frames(clip.frames, clip.truth, TRUTH), notes=clip.label_texts())]


def save_video(path: Path, clip: ShownClip) -> None:
    """Write the clip with its sound: the frames, every method and the truth next to each other."""
    cells: list[tuple[str, np.ndarray | None, Colour]] = [("frames", None, (255, 255, 255))]
    cells += [(name, masks, SOUNDING) for name, masks in clip.masks.items()]
    cells.append(("truth", clip.truth, TRUTH))
    images = np.stack([_grid(clip.frames[second], second, cells) for second in range(len(clip.frames))])
    silence = np.zeros((1, len(images) * clip.sample_rate), dtype=np.float32)
    waveform = silence if clip.waveform is None else clip.waveform
    make_clip_video(images, waveform, path, sample_rate=clip.sample_rate)


def file_name(clip: ShownClip) -> str:
    """Return a file name for a clip, without a suffix."""
    return short_name(clip.name, _NAME_BYTES)


def _title(clip: ShownClip, reason: str) -> str:
    scores = ", ".join(f"{name} {100 * score:.1f}" for name, score in clip.scores.items())
    return "   ".join(filter(None, [clip.name, clip.category, f"J: {scores}", f"({reason})" if reason else ""]))


def _save(path: Path, columns: int, blocks: Sequence[tuple[str, Sequence[Row]]]) -> None:
    figure = blocks_figure(columns, blocks)
    for suffix in (".png", ".pdf"):
        save_figure(figure, path.with_name(path.name + suffix), dpi=_DPI)


def _grid(frame: np.ndarray, second: int, cells: Sequence[tuple[str, np.ndarray | None, Colour]]) -> np.ndarray:
    """Draw the cells of one second, (H, W, 3) uint8."""
    factor = max(1, -(-_SIDE // max(frame.shape[:2])))  # whole pixels
    height, width = frame.shape[0] * factor, frame.shape[1] * factor
    columns = len(cells) if len(cells) <= _LINE else -(-len(cells) // 2)
    lines = -(-len(cells) // columns)
    bar = max(20, height // 12)
    canvas = np.full((lines * (height + bar), columns * width, 3), 255, np.uint8)
    large = np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC))
    for number, (name, masks, colour) in enumerate(cells):
        line, column = divmod(number, columns)
        top, left = line * (height + bar), column * width
        label = name_label(name, colour, bar)[:, :width]
        canvas[top : top + bar, left : left + label.shape[1]] = label
        image = large
        if masks is not None:
            image = Overlay(masks[second].repeat(factor, 0).repeat(factor, 1), colour).on(large)
        canvas[top + bar : top + bar + height, left : left + width] = image
    return canvas
