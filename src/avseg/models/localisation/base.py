"""Base of the Lightning modules that localise a sound in an image: scores, the threshold of val, their records."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from avseg.config.schema import ModelConfig, Plain
from avseg.data.clip import Clip
from avseg.models.base import AVSegModule, BuildContext, Prediction
from avseg.models.experiment import Row
from avseg.models.localisation.scores import LocalisationScores
from avseg.nn.normalise import normalise

UNTRAINED = 0.5  # threshold of weights that no validation has seen


class LocalisationModule(AVSegModule):
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

    def on_validation_epoch_end(self) -> None:
        """Log the scores, and keep the best threshold."""
        self.threshold.fill_(float(self.val_scores.metrics["threshold"].compute()))
        super().on_validation_epoch_end()

    def result(self, rows: list[Row]) -> dict[str, Plain]:
        """The same as for other models, and both thresholds."""
        choices: dict[str, Plain] = {"J": self.rule_name, "J, threshold of val": round(float(self.threshold), 2)}
        return {**super().result(rows), "choices": {"masks": choices}}

    @abstractmethod
    def encode_images(self, images: Tensor) -> Tensor:
        """Encode normalised images (N, 3, H, W) as maps (N, C, h, w)."""

    @abstractmethod
    def encode_sounds(self, sounds: Tensor) -> Tensor:
        """Encode items of the front end (N, *shape) as maps (N, C, h, w)."""

    @abstractmethod
    def localise(self, image_map: Tensor, audio_map: Tensor, size: tuple[int, int]) -> Tensor:
        """Compute logits (N, H, W) of the maps of N pairs."""

    def encode(self, frames: Tensor) -> Tensor:
        """Encode frames (B, T, 3, H, W) uint8 as maps (B, T, C, h, w)."""
        maps = self.encode_images(self.images(frames.flatten(0, 1)))
        return maps.reshape(*frames.shape[:2], *maps.shape[1:])

    def decode(self, features: Tensor, clip: Clip) -> Prediction:
        """Localise every frame's sound: its second's, or that of the whole clip."""
        batch, length = features.shape[:2]
        assert self.frontend is not None
        if self.frontend.per_frame:
            sounds = self.encode_sounds(clip.sound.flatten(0, 1))
        else:
            sounds = self.encode_sounds(clip.sound).repeat_interleave(length, dim=0)  # (B * T, C, h, w)
        size = (clip.frames.shape[-2], clip.frames.shape[-1])
        logits = self.localise(features.flatten(0, 1), sounds, size)  # (B * T, H, W)
        return Prediction(logits.reshape(batch, length, 1, *size))

    def images(self, frames: Tensor) -> Tensor:
        """Normalise frames (N, 3, H, W) uint8, at the size of the network."""
        size: int | None = self.config.input_size  # type: ignore[attr-defined]
        images = normalise(frames)
        if size is None or frames.shape[-2:] == (size, size):
            return images
        return functional.interpolate(images, (size, size), mode="bilinear", align_corners=False)


def no_prediction(clip: Clip) -> Tensor:
    """Logits (B, T, 1, H, W) of a training step, which computes none; they take no memory."""
    batch, length, _, height, width = clip.frames.shape
    return torch.zeros((), device=clip.frames.device).expand(batch, length, 1, height, width)
