"""Predict a video with a model of several classes (AVSS): each pixel is of its most probable class, as officially."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avseg.models.base import AVSegModule
from avseg.prediction.clip_predictor import ClipPredictor
from avseg.prediction.device import inference
from avseg.prediction.prediction import FramePrediction

BACKGROUND = 0


class SemanticPredictor(ClipPredictor):
    """Predicts the probabilities of classes; of each frame it keeps those that are the most probable somewhere."""

    model: AVSegModule

    @property
    def names(self) -> list[str]:
        """The names of the classes, background first."""
        return self.model.class_names

    @property
    def settings(self) -> dict[str, object]:
        """The settings that the prediction depends on; there is no threshold."""
        settings = super().settings
        del settings["threshold"]
        return settings | {"classes": self.names}

    def frame(self, number: int, time: float, begin: int, second: int, maps: Any) -> FramePrediction:
        """Make the prediction of a frame from its maps (h, w) by class."""
        return FramePrediction(number, time, begin, second, 1 - maps[BACKGROUND], class_maps=maps)

    def _predict_batch(self, images: Tensor, sound: Tensor) -> Sequence[Sequence[Any]]:
        """Predict the maps of B clips of T frames, B times T dictionaries of (h, w) by class."""
        with inference(self.device):
            probabilities = self.model.predict_classes(images.to(self.device), sound.to(self.device)).cpu()
        return [list(map(_winning_maps, clip)) for clip in probabilities]


def _winning_maps(probabilities: Tensor) -> dict[int, np.ndarray]:
    """Select of (K, h, w) the background and the classes that are the most probable in at least one pixel."""
    winning = set(torch.unique(probabilities.argmax(0)).tolist()) | {BACKGROUND}
    return {label: probabilities[label].float().numpy().copy() for label in sorted(winning)}
