"""Base of the Lightning modules whose prediction is a map: scores, and the threshold that is best on validation."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from avseg.config.schema import ModelConfig, Plain
from avseg.models.base import AVSegModule, BuildContext, Prediction
from avseg.models.experiment import Row
from avseg.models.localisation.scores import LocalisationScores, certain

UNTRAINED = 0.5  # threshold of weights that no validation has seen


class MapModule(AVSegModule):
    """A model whose prediction is a map in [0, 1], thresholded by the official rule and as validation has it best.

    `rule_name` names the official rule in reports. The threshold is chosen at every validation, and is part of the
    weights.
    """

    rule_name: ClassVar[str]
    threshold: Tensor

    def __init__(self, config: ModelConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.register_buffer("threshold", torch.tensor(UNTRAINED))
        self.val_scores = self._scores(None)

    def new_scores(self) -> LocalisationScores:
        """Empty metrics for one pass over a split, with the threshold of val."""
        threshold = self._buffers.get("threshold")
        return self._scores(UNTRAINED if threshold is None else float(threshold))

    def _scores(self, threshold: float | None) -> LocalisationScores:
        return LocalisationScores(self.rule, threshold, self.clip_length, self.videos_per_group, self.context.metrics)

    @staticmethod
    @abstractmethod
    def rule(maps: Tensor) -> Tensor:
        """Compute the official masks, bool, of maps (..., H, W) in [0, 1]."""

    def mask_logits(self, prediction: Prediction) -> Tensor:
        """Those of the map above the threshold of val; half of the pixels, as by LVS's rule, would show no object."""
        return certain(prediction.logits.float().sigmoid() > self.threshold)

    def on_validation_epoch_end(self) -> None:
        """Log the scores, and keep the best threshold."""
        self.threshold.fill_(float(self.val_scores.metrics["threshold"].compute()))
        super().on_validation_epoch_end()

    def result(self, rows: list[Row]) -> dict[str, Plain]:
        """The same as for other models, and both thresholds."""
        choices: dict[str, Plain] = {"J": self.rule_name, "J, threshold of val": round(float(self.threshold), 2)}
        return {**super().result(rows), "choices": {"masks": choices}}
