"""The visual branches of the strong baseline: MaskFormer and DETR on single frames (LU-AVS, supplementary text)."""

from dataclasses import asdict

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from avseg.config.schema import Plain
from avseg.data.lu_avs import FrameBatch
from avseg.data.lu_avs.evaluation import VideoReader
from avseg.models.experiment import BuildContext
from avseg.models.lu_avs.activity import SoundActivity
from avseg.models.lu_avs.aggregation import aggregate
from avseg.models.lu_avs.base import BranchModule, Choices, Predictions
from avseg.models.lu_avs.box_branch import BoxBranch
from avseg.models.lu_avs.box_loss import BoxQueryLoss, to_relative
from avseg.models.lu_avs.config import VisualBranchConfig
from avseg.models.lu_avs.mask_branch import MaskBranch
from avseg.models.lu_avs.mask_loss import MaskQueryLoss
from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.silent_loss import SilentObjectLoss
from avseg.models.lu_avs.teacher import Teacher
from avseg.nn.normalise import normalise


class FrameModule(BranchModule):
    """Finds every object that could sound; the audio branch decides when it sounds."""

    monitor = "val/iou"
    config: VisualBranchConfig

    def __init__(self, config: VisualBranchConfig, context: BuildContext) -> None:
        self.region = config.region
        super().__init__(config, context)
        silent = SilentObjectLoss(**asdict(config.silent))
        weights = config.pretrained if context.pretrained else False
        classes = len(context.labels)
        self.net: nn.Module
        self.loss: nn.Module
        if self.region == "mask":
            self.net = MaskBranch(classes, config.network, weights)
            self.loss = MaskQueryLoss(silent)
        else:
            self.net = BoxBranch(classes, config.network, weights)
            self.loss = BoxQueryLoss(silent)
        self.val_iou = MeanMetric()
        # a list hides the teacher from Lightning: it is neither trained nor kept in checkpoints
        self._teacher: list[Teacher] = []
        if context.pretrained:
            self.prepare_fit()

    def prepare_fit(self) -> None:
        """Read the frozen detector of the silent loss's mode "teacher", once; raises `UserError`."""
        if self.config.silent.mode == "teacher" and not self._teacher:
            self._teacher.append(Teacher(self.region, self.config.network, self.config.teacher))

    def on_fit_start(self) -> None:
        """Move the teacher to the device; a resumed run needs it too."""
        self.prepare_fit()
        for teacher in self._teacher:
            teacher.to(self.device)

    @property
    def choices(self) -> Choices:
        """Without sound, a query is a region of its most probable class, above the threshold."""
        threshold = self.config.aggregation.threshold
        return {"silent": self.silent, "aggregation": {"threshold": threshold}} | super().choices

    @property
    def silent(self) -> dict[str, Plain]:
        """The options of the silent-object-aware loss in training."""
        options: dict[str, Plain] = asdict(self.config.silent)
        if self.config.silent.mode == "teacher":
            options["teacher"] = self.config.teacher
        return options

    def forward(self, frames: Tensor, sizes: Tensor | None = None) -> QueryOutput:
        """Queries of frames (B, 3, H, W) uint8; `sizes` (B, 2) where some frames are padded."""
        output: QueryOutput = self.net(normalise(frames), **self._padding(frames, sizes))
        return output

    def _padding(self, frames: Tensor, sizes: Tensor | None) -> dict[str, Tensor]:
        size = torch.tensor(frames.shape[-2:], device=frames.device)
        if self.region == "mask" or sizes is None or bool((sizes == size).all()):
            return {}
        rows = torch.arange(int(size[0]), device=frames.device)
        columns = torch.arange(int(size[1]), device=frames.device)
        inside = (rows[:, None] < sizes[:, :1, None]) & (columns < sizes[:, 1:, None])  # (B, H, W)
        return {"pixel_mask": inside.long()}

    def losses(self, output: QueryOutput, batch: FrameBatch, elapsed: float) -> dict[str, Tensor]:
        """The weighted terms of the loss after `elapsed` epochs."""
        context = {
            "video_classes": batch.video_classes,
            "elapsed": elapsed,
            "teacher": self._teacher_regions(batch, elapsed),
        }
        terms: dict[str, Tensor]
        if self.region == "box":
            terms = self.loss(output, batch.boxes, batch.classes, batch.sizes, **context)
        else:
            terms = self.loss(output, batch.masks, batch.classes, **context)
        return terms

    def _teacher_regions(self, batch: FrameBatch, elapsed: float) -> list[tuple[Tensor, Tensor]] | None:
        """Regions that the teacher finds; None without one, and while the loss does not ask for it."""
        if not self._teacher or elapsed < self.config.silent.warmup:
            return None
        padding = self._padding(batch.frames, batch.sizes)
        regions: list[tuple[Tensor, Tensor]] = self._teacher[0](normalise(batch.frames), batch.sizes, **padding)
        return regions

    def training_step(self, batch: FrameBatch, batch_index: int) -> Tensor:
        """Match regions; classify with the silent-object-aware loss."""
        elapsed = self.current_epoch + batch_index / max(int(self.trainer.num_training_batches), 1)
        return self.log_terms(self.losses(self(batch.frames, batch.sizes), batch, elapsed), len(batch))

    def validation_step(self, batch: FrameBatch, batch_index: int) -> None:
        """IoU of each sounding object with the region that is most probably of its class."""
        output = self(batch.frames, batch.sizes)
        overlaps = self.loss.overlaps(output, self._target_regions(batch))  # type: ignore[operator]
        probabilities = output.class_logits.float().softmax(-1)  # (B, queries, classes + 1)
        for frame, (overlap, classes) in enumerate(zip(overlaps, batch.classes, strict=True)):
            best = probabilities[frame][:, classes].argmax(0)
            self.val_iou.update(overlap[best, torch.arange(len(classes))])

    def _target_regions(self, batch: FrameBatch) -> list[Tensor]:
        """The annotated regions in the form in which the loss compares them."""
        if self.region == "mask":
            return [mask.float() for mask in batch.masks or ()]
        sizes: list[list[int]] = batch.sizes.tolist()
        regions: list[Tensor] = []
        for boxes, (height, width) in zip(batch.boxes, sizes, strict=True):
            regions.append(to_relative(boxes, (height, width)))
        return regions

    def on_validation_epoch_end(self) -> None:
        """Log the mean over all objects."""
        self.log("val/iou", self.val_iou.compute(), sync_dist=False)
        self.val_iou.reset()

    def predict_frames(self, reader: VideoReader, activity: SoundActivity | None) -> Predictions:
        """Without sound: every object that the branch is sure of."""
        for chunk in reader.chunks():
            queries = self(chunk.frames.to(self.device))
            yield chunk, aggregate(queries, chunk.seconds, reader.size, activity, self.aggregation)
