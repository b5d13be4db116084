"""Predict from Python: `avseg.predict(model, "video.mp4")`."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from avseg.draw.overlay import upsample
from avseg.media.video import Video, probe
from avseg.models.base import AVSegModule
from avseg.models.lu_avs.base import LongVideoModule
from avseg.prediction.clip_predictor import ClipPredictor
from avseg.prediction.long_predictor import LongPredictor
from avseg.prediction.prediction import FramePrediction
from avseg.prediction.semantic_predictor import SemanticPredictor
from avseg.prediction.writer import write_prediction
from avseg.utils.errors import UserError


def make_predictor(
    model: nn.Module,
    *,
    every_frame: bool = False,
    threshold: float | None = None,
    batch: int | None = None,
    rate: float | None = None,
    device: torch.device | str = "cpu",
) -> ClipPredictor | LongPredictor:
    """Create the predictor of a model in evaluation mode on `device`; options and errors are those of `predict`."""
    device = torch.device(device)
    if isinstance(model, LongVideoModule):
        # every frame is a rate without limit
        rate = math.inf if every_frame else rate
        return LongPredictor(model, rate=rate, threshold=threshold, batch=batch, device=device)
    if rate is not None:
        raise UserError("--rate is for runs on long videos of LU-AVS; this is a model of short clips; leave it out")
    predictor_class = ClipPredictor
    if isinstance(model, AVSegModule) and model.num_classes > 1:
        predictor_class = SemanticPredictor
        if threshold is not None:
            raise UserError(
                f"--threshold {threshold}: the model has {model.num_classes} classes and marks the most probable one; "
                "leave it out"
            )
    return predictor_class(
        model,  # type: ignore[arg-type]
        batch=batch or (8 if device.type == "cuda" else 1),
        device=device,
        every_frame=every_frame,
        threshold=threshold or 0.5,
    )


class Result:
    """The prediction of a video, computed by each iteration and by `save`, in memory independent of its length.

    Example:
        for time, probability in avseg.predict(model, "video.mp4"):
            ...  # seconds, (H, W) float32
    """

    def __init__(self, predictor: ClipPredictor | LongPredictor, video: Video) -> None:
        self.predictor = predictor
        self.video = video

    def frames(self) -> Iterator[FramePrediction]:
        """Predict the scored frames in order, with everything that is known about them; raises like `predict`."""
        return self.predictor.predict(self.video).frames

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield the time in seconds and the probability that a pixel sounds, (H, W) float32, of each scored frame.

        A model of long videos predicts regions, not probabilities: 1 inside a region of any class, 0 elsewhere.
        """
        height, width = self.video.height, self.video.width
        for frame in self.frames():
            if frame.probability is not None:
                yield frame.time, upsample(frame.probability, height, width)
            else:
                yield frame.time, _region_map(frame, height, width)

    def save(self, directory: Path | str, *, lu_avs: bool = False, save_masks: bool = False) -> dict[str, float]:
        """Write overlay video, masks or boxes, and scores into a folder, all or nothing; existing results are replaced.

        `lu_avs` also writes a folder in the layout of LU-AVS (models of long videos), `save_masks` the masks of every
        frame in it. Returns counts: seconds, sounding seconds, ...
        """
        return write_prediction(self.predictor, self.video, Path(directory), lu_avs=lu_avs, save_masks=save_masks)


def predict(
    model: nn.Module,
    video: Path | str,
    *,
    every_frame: bool = False,
    threshold: float | None = None,
    batch: int | None = None,
    rate: float | None = None,
    audio_track: int | None = None,
) -> Result:
    """Predict the sounding pixels of a video; nothing is computed before the result is used.

    Args:
        model: of short clips or of long videos, see `avseg.load`.
        video: a file of any format; without a sound track it is predicted as silent.
        every_frame: score every frame; else one per second, for long videos as many as in the evaluation.
        threshold: above it a pixel (a class, a region) counts; None = 0.5, for long videos as in the evaluation.
        batch: clips (frames) per forward pass; None = 1, on a GPU 8, for long videos as in the evaluation.
        rate: frames per second to score, for long videos.
        audio_track: number of the sound track from 0, as FFmpeg's `a:N`; None = the default one.

    Raises:
        UserError: the file is not a video; an option that the model does not have.
    """
    model.eval()
    device = next(model.parameters(), torch.zeros(0)).device  # a model without parameters runs on the CPU
    predictor = make_predictor(
        model, every_frame=every_frame, threshold=threshold, batch=batch, rate=rate, device=device
    )
    return Result(predictor, probe(Path(video), audio_track))


def _region_map(frame: FramePrediction, height: int, width: int) -> np.ndarray:
    """Draw the masks, or else the filled boxes, of all classes as (H, W) float32 of 0 and 1."""
    inside = np.zeros((height, width), np.float32)
    for mask in frame.masks.values():
        inside[mask] = 1
    if not frame.masks:
        for boxes in frame.boxes.values():
            for left, top, right, bottom in np.nan_to_num(boxes).round().astype(int):
                inside[top:bottom, left:right] = 1
    return inside
