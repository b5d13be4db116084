"""What a trained audio branch hears in a video: classes with their times."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from avseg.data.lu_avs import LUVideo
from avseg.media.frame_index import FrameIndex
from avseg.models.lu_avs.base import LongVideoModule
from avseg.predict.long_predictor import LongPredictor
from avseg.training.load import load_model
from avseg.utils.errors import UserError


class Heard(NamedTuple):
    """A class that is heard from `start` to `end`, in seconds, with its mean probability."""

    label: str
    start: float
    end: float
    score: float


def hear(index: FrameIndex, run: Path, *, threshold: float | None = None, device: str = "cpu") -> list[Heard]:
    """Runs an audio branch over the whole sound of a video.

    Args:
        index: of the video.
        run: a run directory or checkpoint of `model=lu_avs_audio`, or of a composition that holds an audio branch.
        threshold: the probability from which a class counts as heard; None = as the run evaluates.
        device: where the branch runs.

    Raises:
        UserError: the run cannot be loaded or does not hear classes; the sound cannot be decoded.
    """
    model = load_model(run)
    predictor = None
    if isinstance(model, LongVideoModule):
        predictor = LongPredictor(model.to(device), threshold=threshold, device=device)
    if predictor is None or predictor.audio is None:
        raise UserError(f"{run} does not classify sound (model={model.config.name}); give a run of model=lu_avs_audio")
    video = index.video
    film = LUVideo(video.path.stem, video.path, video.frame_rate, video.duration, "test", (), has_masks=False)
    activity = predictor.listen(film).activity
    assert activity is not None
    active, scores = activity.active.cpu().numpy(), activity.scores.cpu().numpy()
    heard = []
    for label, name in enumerate(predictor.names):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], active[:, label], [False]]).astype(np.int8)))
        for first, last in edges.reshape(-1, 2):
            score = round(float(scores[first:last, label].mean()), 4)
            heard.append(Heard(name, first / activity.rate, last / activity.rate, score))
    return heard
