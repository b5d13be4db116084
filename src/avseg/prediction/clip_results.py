"""Files of a prediction by a model of short clips: a mask per second or frame, and scores per second."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np

from avseg.draw.overlay import Overlay, upsample
from avseg.prediction.prediction import FramePrediction, VideoPrediction
from avseg.prediction.scores_file import RowsFile, save_mask


class _FrameRow(TypedDict):
    frame: int
    time: float
    mean_probability: float
    mask_share: float


class ClipResults:
    """Writes `masks/NUMBER.png` (of seconds, or of frames with `every_frame`) and the rows of `scores.json`."""

    def __init__(
        self, folder: Path, prediction: VideoPrediction, scores: RowsFile, *, threshold: float, every_frame: bool
    ) -> None:
        self.folder = folder / "masks"
        self.folder.mkdir()
        self.size = (prediction.video.height, prediction.video.width)
        self.levels = prediction.sound.levels
        self.scores = scores
        self.threshold = threshold
        self.every_frame = every_frame
        self.rows: list[_FrameRow] = []  # of the current second
        self.shown: Mapping[str, float] = {}  # scores of the last second with a frame
        self.sounding = 0  # seconds with a marked pixel
        self.shares: list[float] = []  # marked share of each second

    def add(self, frame: FramePrediction) -> Overlay:
        """Write the mask of a frame; returns how to draw it."""
        assert frame.probability is not None
        mask = upsample(frame.probability, *self.size) > self.threshold
        save_mask(mask, self.folder, frame.number if self.every_frame else frame.second)
        probability = float(frame.probability.mean())
        share = float(mask.mean())
        time = round(frame.time, 6)
        self.rows.append({"frame": frame.number, "time": time, "mean_probability": probability, "mask_share": share})
        return Overlay(mask)

    def end_second(self, second: int) -> None:
        """Write the scores of a second."""
        if self.rows:  # otherwise the frame of an earlier second is still shown
            self.shown = {
                "time": self.rows[0]["time"],
                "frame": self.rows[0]["frame"],
                "mean_probability": _mean(self.rows, "mean_probability"),
                "mask_share": _mean(self.rows, "mask_share"),
            }
        share = self.shown["mask_share"]
        row = {"second": second, **self.shown, "sound_dbfs": self.levels[second], "sounding": share > 0}
        self.scores.add(row | self.extras() | ({"frames": self.rows} if self.every_frame else {}))
        self.sounding += share > 0
        self.shares.append(share)
        self.rows = []

    def extras(self) -> dict[str, object]:
        """Return further entries of the second's row."""
        return {}

    def finish(self) -> dict[str, float]:
        """Return "seconds", "sounding" (seconds with a marked pixel) and "mask_share" (mean over the seconds)."""
        count = len(self.shares)
        return {"seconds": count, "sounding": self.sounding, "mask_share": sum(self.shares) / max(count, 1)}


def _mean(rows: list[_FrameRow], key: Literal["mean_probability", "mask_share"]) -> float:
    return float(np.mean([row[key] for row in rows]))
