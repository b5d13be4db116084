"""Classify the whole sound of a video with a trained audio branch."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from avseg.media.frame_index import FrameIndex
from avseg.models.lu_avs.base import LongVideoModule
from avseg.prediction.long_predictor import LongPredictor
from avseg.training.load import load_model
from avseg.utils.errors import UserError


class SoundEvent(NamedTuple):
    """A class that sounds from `start` to `end`, in seconds, with its mean probability."""

    label: str
    start: float
    end: float
    score: float


def detect_events(
    index: FrameIndex, run: Path, *, threshold: float | None = None, device: str = "cpu"
) -> list[SoundEvent]:
    """Run an audio branch over the whole sound of a video; the threshold is by default that of the run's evaluation."""
    model = load_model(run)
    predictor = None
    if isinstance(model, LongVideoModule):
        predictor = LongPredictor(model.to(device), threshold=threshold, device=device)
    if predictor is None or not predictor.audio:
        raise UserError(f"{run} does not classify sound (model={model.config.name}); give a run of model=lu_avs_audio")
    activity = predictor.listen(index.video).activity
    assert activity is not None
    active = activity.active.cpu().numpy()  # (seconds, classes) bool
    scores = activity.scores.cpu().numpy()
    events = []
    for label, name in enumerate(predictor.names):
        padded = np.concatenate([[False], active[:, label], [False]]).astype(np.int8)
        for first, last in np.flatnonzero(np.diff(padded)).reshape(-1, 2):
            score = round(float(scores[first:last, label].mean()), 4)
            events.append(SoundEvent(name, first / activity.rate, last / activity.rate, score))
    return events
