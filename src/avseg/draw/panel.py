"""Panels of clips second by second: one model's prediction next to the truth, or several methods on one clip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from avseg.draw.palette import SOUNDING, TRUTH
from avseg.draw.strips import Row, colour_maps, draw_blocks, tint_frames


@dataclass(eq=False)
class PanelClip:
    """A clip of T seconds."""

    video_id: str
    frames: np.ndarray  # (T, H, W, 3) uint8
    truth: np.ndarray  # (T, H, W) integers, 1 = sounding (AVSS: class indices)
    prediction: np.ndarray  # (T, H, W) probabilities (floats; above 0.5 counts), or integers like `truth`
    mel: np.ndarray | None  # (T, 96, 64) log-mel patches; None for a model without sound
    score: float | None = None  # its J between 0 and 1, shown in per cent
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)  # further maps (T, H, W) in 0 to 1 by name

    def rows(self) -> list[Row]:
        """Return the rows frame, truth, prediction, further maps, sound."""
        rows = [
            Row("frame", self.frames),
            Row("truth", tint_frames(self.frames, self.truth, TRUTH)),
            Row("prediction", tint_frames(self.frames, self.prediction, SOUNDING)),
        ]
        rows += [Row(name, colour_maps(values)) for name, values in self.maps.items()]
        return rows if self.mel is None else [*rows, Row("sound", mel=self.mel)]


def save_panel(path: Path, clips: Sequence[PanelClip]) -> None:
    """Write clips of any lengths, at least one, as a PNG, two in a line: rows frame, truth, prediction, sound."""
    if not clips:
        raise ValueError("a panel needs at least one clip")
    blocks = []
    for clip in clips:
        score = "" if clip.score is None else f"   J = {100 * clip.score:.1f}"
        blocks.append((clip.video_id + score, clip.rows()))
    draw_blocks(path, min(2, len(clips)), blocks)


def save_comparison(
    path: Path,
    frames: np.ndarray,  # (T, H, W, 3) uint8
    mel: np.ndarray,  # (T, 96, 64) log-mel patches
    truth: np.ndarray,  # (T, H, W) integers, 1 = sounding
    methods: Mapping[str, np.ndarray],
    *,
    scores: Mapping[str, Sequence[float]] | None = None,
    title: str = "",
) -> None:
    """Write several methods on one clip as a PNG: rows sound, frame, truth, and one per method.

    Methods are probabilities (T, H, W) by name; `scores` are their J of each second between 0 and 1, written on the
    frames in per cent.
    """
    rows = [Row("sound", mel=mel), Row("frame", frames), Row("truth", tint_frames(frames, truth, TRUTH))]
    for name, masks in methods.items():
        notes = [f"J {100 * value:.0f}" for value in (scores or {}).get(name, ())]
        rows.append(Row(name, tint_frames(frames, masks, SOUNDING), notes=notes))
    draw_blocks(path, 1, [(title, rows)])
