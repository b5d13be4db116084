"""Several methods on one clip, second by second: shows which of them follow the sound in time."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from avseg.draw.palette import SOUNDING, TRUTH
from avseg.draw.strips import Row, draw_rows, marked, new_figure, save_figure


def save_scopes(
    path: Path,
    frames: np.ndarray,
    mel: np.ndarray,
    truth: np.ndarray,
    methods: Mapping[str, np.ndarray],
    *,
    scores: Mapping[str, Sequence[float]] | None = None,
    title: str = "",
) -> None:
    """Writes a PNG with the rows sound, frame, truth, and one for each method.

    Args:
        path: the PNG; a folder that is missing is made.
        frames: (T, H, W, 3) uint8.
        mel: (T, 96, 64) log-mel patches.
        truth: (T, H, W) integers, 1 = sounding.
        methods: for each name probabilities (T, H, W).
        scores: for each name J of each second between 0 and 1, written onto the pictures in per cent.
        title: written above.
    """
    notes = {name: [f"J {100 * value:.0f}" for value in values] for name, values in (scores or {}).items()}
    rows = [
        Row("sound", mel=mel),
        Row("frame", frames),
        Row("truth", marked(frames, truth, TRUTH)),
        *(Row(name, marked(frames, masks, SOUNDING), notes=notes.get(name, ())) for name, masks in methods.items()),
    ]
    figure, axes = new_figure(1, [rows])
    draw_rows(axes[0], rows, title)
    save_figure(figure, path)
