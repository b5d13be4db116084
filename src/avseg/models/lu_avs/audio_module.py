"""The audio branch of the strong baseline: the classes that sound in each second (LU-AVS, supplementary text)."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torchmetrics.classification import MultilabelF1Score

from avseg.data.lu_avs import SoundBatch
from avseg.data.lu_avs.evaluation import VideoReader
from avseg.data.lu_avs.sound import second_item
from avseg.models.experiment import BuildContext
from avseg.models.lu_avs.activity import SoundActivity, sound_activity
from avseg.models.lu_avs.aggregation import aggregate
from avseg.models.lu_avs.audio_branch import AudioBranch
from avseg.models.lu_avs.audio_loss import SoundLoss
from avseg.models.lu_avs.base import BranchModule, Choices, Predictions
from avseg.models.lu_avs.config import AudioBranchConfig
from avseg.utils.iteration import batched

SECONDS_PER_CHUNK = 64  # of sound in a forward pass over a whole video


class AudioModule(BranchModule):
    """An audio encoder and two MLPs, trained with binary cross-entropy."""

    fixed_frames: ClassVar[str] = "classifies whole seconds"
    classifies_sound: ClassVar[bool] = True
    region = "none"
    modality = "A"
    monitor = "val/f1"
    config: AudioBranchConfig

    def __init__(self, config: AudioBranchConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        assert self.frontend is not None
        encoder = self.make_audio_encoder().requires_grad_(True)
        self.net = AudioBranch(len(context.labels), encoder, config.heads, config.hidden, self.frontend.dim)
        self.loss = SoundLoss(config.pos_weight)
        self.val_f1 = MultilabelF1Score(len(context.labels), average="micro")

    @property
    def choices(self) -> Choices:
        """The reading of the heads, and how probabilities become intervals."""
        return self.training_choices | {"smoothing": asdict(self.config.smoothing)} | super().choices

    @property
    def training_choices(self) -> Choices:
        """The choices of the training."""
        config = self.config
        choices = {"heads": config.heads, "hidden": config.hidden, "pos_weight": config.pos_weight}
        return {"audio": choices | {"share": self.record["data"]["share"]}}

    def forward(self, items: Tensor) -> Tensor:
        """Logits (B, S, K) of items of the front end (B, S, *shape), one per second."""
        logits: Tensor = self.net(items)
        return logits

    def training_step(self, batch: SoundBatch, batch_index: int) -> Tensor:
        """Binary cross-entropy over the seconds that exist."""
        return self.log_terms({"bce": self.loss(self(batch.sound), batch.targets, batch.valid)}, len(batch))

    def validation_step(self, batch: SoundBatch, batch_index: int) -> None:
        """F1 over all seconds and classes."""
        probabilities = self(batch.sound).float().sigmoid()
        self.val_f1.update(probabilities[batch.valid], batch.targets[batch.valid].int())

    def on_validation_epoch_end(self) -> None:
        """Log one number for the split."""
        self.log("val/f1", self.val_f1.compute(), sync_dist=False)
        self.val_f1.reset()

    def probabilities(self, waveforms: Iterable[np.ndarray]) -> Tensor:
        """Compute the probabilities (S, K) of the classes in each of S seconds, before smoothing."""
        assert self.frontend is not None
        chunks = [torch.zeros(0, len(self.labels), device=self.device)]
        for seconds in batched(waveforms, SECONDS_PER_CHUNK):
            items = torch.stack([second_item(waveform, self.frontend) for waveform in seconds])
            chunks.append(self(items[None].to(self.device))[0].float().sigmoid())
        return torch.cat(chunks)

    def listen(self, waveforms: Iterable[np.ndarray]) -> SoundActivity:
        """Classify the sound of a whole video, smoothed in time."""
        return sound_activity(self.probabilities(waveforms), self.smoothing)

    def predict_frames(self, reader: VideoReader, activity: SoundActivity | None) -> Predictions:
        """The times at which each class sounds; no frame is decoded."""
        chunk = reader.timeline()
        yield chunk, aggregate(None, chunk.seconds, (0, 0), activity, self.aggregation)
