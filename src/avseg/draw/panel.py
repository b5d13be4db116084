"""A picture of a few clips: what the model sees, should mark, marks, and hears, second by second."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avseg.draw.palette import SOUNDING, TRUTH
from avseg.draw.strips import Row, draw_rows, marked, new_figure, save_figure


@dataclass(eq=False)
class PanelClip:
    """A clip of T seconds.

    Attributes:
        video_id: its name.
        frames: (T, H, W, 3) uint8.
        truth: (T, H, W) integers, 1 = sounding (AVSS: class indices).
        prediction: (T, H, W) probabilities (floats; above 0.5 counts), or integers like `truth`.
        mel: (T, 96, 64) log-mel patches.
        score: its J between 0 and 1, shown in per cent; None if it has none.
    """

    video_id: str
    frames: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray
    mel: np.ndarray
    score: float | None = None


def save_panel(path: Path, clips: Sequence[PanelClip]) -> None:
    """Writes clips as a PNG, two side by side: rows frame, truth, prediction, sound.

    Args:
        path: the PNG; a folder that is missing is made.
        clips: at least one; their numbers of seconds may differ.

    Raises:
        ValueError: there is no clip.
    """
    if not clips:
        raise ValueError("a panel needs at least one clip")
    blocks = [_rows(clip) for clip in clips]
    figure, axes = new_figure(min(2, len(clips)), blocks)
    for clip, rows, block in zip(clips, blocks, axes, strict=True):
        draw_rows(block, rows, clip.video_id + ("" if clip.score is None else f"   J = {100 * clip.score:.1f}"))
    save_figure(figure, path)


def _rows(clip: PanelClip) -> list[Row]:
    return [
        Row("frame", clip.frames),
        Row("truth", marked(clip.frames, clip.truth, TRUTH)),
        Row("prediction", marked(clip.frames, clip.prediction, SOUNDING)),
        Row("sound", mel=clip.mel),
    ]
