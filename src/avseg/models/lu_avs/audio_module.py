"""The audio branch of the strong baseline: the classes that sound in each second (LU-AVS, supplementary text)."""

from dataclasses import asdict

import torch
from torch import Tensor
from torchmetrics.classification import MultilabelF1Score

from avseg.data.lu_avs import LUAVSDataModule, SoundBatch
from avseg.data.lu_avs.evaluation import timeline
from avseg.models.experiment import BuildContext
from avseg.models.lu_avs.activity import Smoothing, SoundActivity, sound_activity
from avseg.models.lu_avs.aggregation import aggregate
from avseg.models.lu_avs.audio_branch import AudioBranch
from avseg.models.lu_avs.audio_loss import SoundLoss
from avseg.models.lu_avs.base import BranchModule, Choices, Predictions
from avseg.models.lu_avs.config import AudioBranchConfig


class AudioModule(BranchModule):
    """An audio encoder and two MLPs, trained with binary cross-entropy.

    Args:
        config: options of the audio branch.
        context: the classes and the audio encoder.
    """

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

    def activity(self, items: Tensor, smoothing: Smoothing) -> SoundActivity:
        """The classes that sound in a whole video, smoothed in time.

        Args:
            items: of the front end, (S, *shape), one per second.
            smoothing: of probabilities to intervals.
        """
        chunks: list[Tensor] = []
        for chunk in torch.split(items, 64):
            chunks.append(self(chunk[None].to(self.device))[0].float().sigmoid())
        probabilities = torch.cat(chunks) if chunks else torch.zeros(0, len(self.labels), device=self.device)
        return sound_activity(probabilities, smoothing)

    def predict_video(self, data: LUAVSDataModule, video_id: str) -> Predictions:
        """The times at which each class sounds; no frame is decoded."""
        video = data.release.videos[video_id]
        chunk = timeline(video, data.rate)
        activity = self.activity(data.sound_items(video), self.smoothing)
        yield chunk, aggregate(None, chunk.seconds, (0, 0), activity, self.aggregation)
