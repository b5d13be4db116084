"""The audio branch of the strong baseline: which classes sound in each second (LU-AVS, supplementary text)."""

from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics.classification import MultilabelF1Score

from avseg.data.lu_avs import LUAVSDataModule, SoundBatch
from avseg.data.lu_avs.evaluation import timeline
from avseg.models.lu_avs.activity import Smoothing, SoundActivity, sound_activity
from avseg.models.lu_avs.aggregation import aggregate
from avseg.models.lu_avs.base import LongTask, Predictions


class SoundBranchTask(LongTask):
    """VGGish and two MLPs, trained with binary cross-entropy.

    Args:
        config: the resolved training configuration.
        labels: the names of the classes.
        net: `AudioBranch`.
        loss: `SoundLoss`.
    """

    region, modality, monitor = "none", "A", "val/f1"

    def __init__(self, config: dict[str, Any], labels: list[str], net: nn.Module, loss: nn.Module) -> None:
        super().__init__(config, labels)
        self.net, self.loss = net, loss
        self.val_f1 = MultilabelF1Score(len(labels), average="micro")

    @property
    def choices(self) -> dict[str, dict[str, Any]]:
        """The two readings of the heads, and how probabilities become intervals."""
        return self.own_choices | {"smoothing": self.config["branch"]["smoothing"]} | super().choices

    @property
    def own_choices(self) -> dict[str, dict[str, Any]]:
        """Those of training."""
        branch, share = self.config["branch"], self.config["data"]["options"]["share"]
        return {"audio": {key: branch[key] for key in ("heads", "hidden", "pos_weight")} | {"share": share}}

    def forward(self, patches: Tensor) -> Tensor:
        """Patches (B, S, 1, 96, 64) to logits (B, S, K)."""
        logits: Tensor = self.net(patches)
        return logits

    def training_step(self, batch: SoundBatch, batch_index: int) -> Tensor:
        """Binary cross-entropy over the seconds that exist."""
        return self.log_terms({"bce": self.loss(self(batch.patches), batch.targets, batch.valid)}, len(batch))

    def validation_step(self, batch: SoundBatch, batch_index: int) -> None:
        """F1 over all seconds and classes."""
        probabilities = self(batch.patches).float().sigmoid()
        self.val_f1.update(probabilities[batch.valid], batch.targets[batch.valid].int())

    def on_validation_epoch_end(self) -> None:
        """One number for the split."""
        self.log("val/f1", self.val_f1.compute(), sync_dist=False)
        self.val_f1.reset()

    def activity(self, patches: Tensor, smoothing: Smoothing) -> SoundActivity:
        """What is heard in a whole video, smoothed in time.

        Args:
            patches: (S, 1, 96, 64), one per second.
            smoothing: of probabilities to intervals.
        """
        parts = [self(part[None].to(self.device))[0].float().sigmoid() for part in torch.split(patches, 64)]
        probabilities = torch.cat(parts) if parts else torch.zeros(0, len(self.labels), device=self.device)
        return sound_activity(probabilities, smoothing)

    def predict_video(self, data: LUAVSDataModule, video_id: str) -> Predictions:
        """When each class is heard; no picture is decoded."""
        video = data.release.videos[video_id]
        chunk = timeline(video, data.rate)
        heard = self.activity(data.sound_items(video), self.smoothing)
        yield chunk, aggregate(None, chunk.seconds, (0, 0), heard, self.aggregation)
