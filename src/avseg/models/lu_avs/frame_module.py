"""The visual branches of the strong baseline: MaskFormer and DETR on single frames (LU-AVS, supplementary text)."""

from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from avseg.data.lu_avs import Chunk, FrameBatch, LUAVSDataModule
from avseg.data.lu_avs.evaluation import video_size
from avseg.models.lu_avs.aggregation import Prediction, aggregate
from avseg.models.lu_avs.base import LongTask, Predictions
from avseg.models.lu_avs.box_loss import to_relative
from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.teacher import Teacher
from avseg.nn.normalise import normalise


class FrameBranchTask(LongTask):
    """Finds every object that could sound; when it sounds is the audio branch's to say.

    Args:
        config: the resolved training configuration.
        labels: the names of the classes.
        net: `MaskBranch` or `BoxBranch`.
        loss: `MaskQueryLoss` or `BoxQueryLoss`.
    """

    def __init__(self, config: dict[str, Any], labels: list[str], net: nn.Module, loss: nn.Module) -> None:
        super().__init__(config, labels)
        self.net, self.loss = net, loss
        self.region = "box" if config["branch"]["name"] == "box" else "mask"
        self.val_iou = MeanMetric()
        # not a part of this module: it is neither trained nor kept in checkpoints
        self._teacher: list[Teacher] = []

    def read_teacher(self) -> None:
        """Reads the frozen detector of the silent loss's mode "teacher", once.

        Raises:
            UserError: it cannot be had.
        """
        branch = self.config["branch"]
        if branch["silent"]["mode"] == "teacher" and not self._teacher:
            self._teacher.append(Teacher(self.region, branch["model"], branch["teacher"]))

    def on_fit_start(self) -> None:
        """A run that is continued needs its teacher too."""
        self.read_teacher()
        for teacher in self._teacher:
            teacher.to(self.device)

    @property
    def choices(self) -> dict[str, dict[str, Any]]:
        """Alone, a query is a region of its likeliest class, above the threshold."""
        threshold = self.config["branch"]["aggregation"]["threshold"]
        return {"silent": self.silent, "aggregation": {"threshold": threshold}} | super().choices

    @property
    def silent(self) -> dict[str, Any]:
        """The silent-object-aware loss that was trained with."""
        branch = self.config["branch"]
        silent: dict[str, Any] = branch["silent"]
        return silent | ({"teacher": branch["teacher"]} if silent["mode"] == "teacher" else {})

    def forward(self, frames: Tensor, sizes: Tensor | None = None) -> QueryOutput:
        """Frames (B, 3, H, W) uint8; `sizes` (B, 2) where some are padded."""
        output: QueryOutput = self.net(normalise(frames), **self._padding(frames, sizes))
        return output

    def _padding(self, frames: Tensor, sizes: Tensor | None) -> dict[str, Tensor]:
        size = torch.tensor(frames.shape[-2:], device=frames.device)
        if self.region == "mask" or sizes is None or bool((sizes == size).all()):
            return {}
        rows, columns = (torch.arange(int(n), device=frames.device) for n in size)
        inside = (rows[:, None] < sizes[:, :1, None]) & (columns < sizes[:, 1:, None])
        return {"pixel_mask": inside.long()}

    def losses(self, output: QueryOutput, batch: FrameBatch, elapsed: float) -> dict[str, Tensor]:
        """The weighted terms of the loss after so many epochs."""
        more = {"video_classes": batch.video_classes, "elapsed": elapsed, "teacher": self._seen(batch, elapsed)}
        if self.region == "box":
            terms: dict[str, Tensor] = self.loss(output, batch.boxes, batch.classes, batch.sizes, **more)
            return terms
        terms = self.loss(output, batch.masks, batch.classes, **more)
        return terms

    def _seen(self, batch: FrameBatch, elapsed: float) -> list[tuple[Tensor, Tensor]] | None:
        """What the teacher sees; None without one, and while the loss does not ask for it."""
        if not self._teacher or elapsed < self.config["branch"]["silent"]["warmup"]:
            return None
        padding = self._padding(batch.frames, batch.sizes)
        found: list[tuple[Tensor, Tensor]] = self._teacher[0](normalise(batch.frames), batch.sizes, **padding)
        return found

    def training_step(self, batch: FrameBatch, batch_index: int) -> Tensor:
        """Matched regions and the silent-object-aware classification."""
        elapsed = self.current_epoch + batch_index / max(int(self.trainer.num_training_batches), 1)
        return self.log_terms(self.losses(self(batch.frames, batch.sizes), batch, elapsed), len(batch))

    def validation_step(self, batch: FrameBatch, batch_index: int) -> None:
        """IoU of each sounding object with the region that is likeliest of its class."""
        output = self(batch.frames, batch.sizes)
        overlaps = self.loss.overlaps(output, self._regions(batch))  # type: ignore[operator]
        probabilities = output.class_logits.float().softmax(-1)
        for frame, (overlap, classes) in enumerate(zip(overlaps, batch.classes, strict=True)):
            best = probabilities[frame][:, classes].argmax(0)
            self.val_iou.update(overlap[best, torch.arange(len(classes))])

    def _regions(self, batch: FrameBatch) -> list[Tensor]:
        """As the loss compares them."""
        if self.region == "mask":
            return [mask.float() for mask in batch.masks or ()]
        sizes: list[list[int]] = batch.sizes.tolist()
        return [to_relative(boxes, (h, w)) for boxes, (h, w) in zip(batch.boxes, sizes, strict=True)]

    def on_validation_epoch_end(self) -> None:
        """The mean over all objects."""
        self.log("val/iou", self.val_iou.compute(), sync_dist=False)
        self.val_iou.reset()

    def predict_video(self, data: LUAVSDataModule, video_id: str) -> Predictions:
        """Without sound: every object of which the branch is sure."""
        size = video_size(data.release.videos[video_id])
        for chunk in data.stream(video_id):
            yield chunk, self.predict_chunk(chunk, size)

    def predict_chunk(self, chunk: Chunk, size: tuple[int, int]) -> Prediction:
        """The regions in a chunk at the video's size."""
        return aggregate(self(chunk.frames.to(self.device)), chunk.seconds, size, None, self.aggregation)
