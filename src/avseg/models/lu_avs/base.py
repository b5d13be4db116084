"""What every task on long videos shares: its configuration in the checkpoint, its optimizer, its test by streaming."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from avseg.config.instantiate import instantiate
from avseg.data.lu_avs import Chunk, LUAVSDataModule
from avseg.models.lu_avs.activity import Smoothing
from avseg.models.lu_avs.aggregation import Aggregation, Prediction
from avseg.models.lu_avs.groups import appearance_groups
from avseg.models.lu_avs.recipe import param_groups
from avseg.models.lu_avs.scores import VideoScores
from avseg.utils.errors import UserError
from avseg.utils.memory import return_free_memory

Predictions = Iterator[tuple[Chunk, Prediction]]


class VideoTest(pl.LightningModule):
    """The test of a task on long videos: each is streamed, and scored as a whole.

    Attributes:
        region: what it is scored by, "mask", "box" or "none" (when alone).
        modality: "V", "A" or "AV".
        monitor: the validation score that chooses the best epoch.
        tested_on: what the last test was told about the data.
    """

    config: dict[str, Any]
    labels: list[str]
    region = "mask"
    modality = "V"
    monitor = "val/iou"
    scores: VideoScores
    test_result: dict[str, dict[str, float]]
    tested_on: dict[str, Any]

    @property
    def choices(self) -> dict[str, dict[str, Any]]:
        """What the paper leaves open and the scores of the last test depend on, by topic."""
        score = self.config["branch"]["score"] | {"predicted_range": self.scores.score.predicted_range}
        return {"score": score, "data": self.tested_on}

    def check(self) -> None:
        """Refuses choices that do not exist.

        Raises:
            UserError: an unknown choice.
        """
        self.new_scores()

    def new_scores(self) -> VideoScores:
        """Empty scores of what this task predicts."""
        return VideoScores(self.config["branch"]["score"], self.region, self.modality)

    def predict_video(self, data: LUAVSDataModule, video_id: str) -> Predictions:
        """A few frames at a time with what is predicted in them."""
        raise NotImplementedError

    def setup(self, stage: str) -> None:
        """Before anything starts.

        Raises:
            UserError: the data has other labels than those that were learned.
        """
        data: LUAVSDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        self.check_labels(data.root, data.labels)

    def check_labels(self, root: Path | str, labels: list[str]) -> None:
        """Refuses a release of other classes.

        Args:
            root: where it lies.
            labels: its own.

        Raises:
            UserError: they are not those that were learned.
        """
        if labels != self.labels:
            raise UserError(
                f"{root} has {len(labels)} labels, the model was trained on {len(self.labels)}, or on others of the "
                "same number; evaluate it on the release that it was trained on"
            )

    def on_test_start(self) -> None:
        """Forgets an earlier evaluation."""
        data: LUAVSDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        self.tested_on = {"labels": len(data.labels), "rate": data.rate}
        self.scores = self.new_scores().to(self.device)

    def test_step(self, video_id: str, batch_index: int) -> None:
        """Streams a video: memory does not grow with its length."""
        data: LUAVSDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        self.scores.declare(video_id)
        with torch.inference_mode():
            for chunk, prediction in self.predict_video(data, video_id):
                self.scores.update(data.release.videos[video_id], chunk, prediction)
                return_free_memory()

    def on_test_epoch_end(self) -> None:
        """The scores over all videos."""
        self.test_result = {"own": self.scores.compute()}
        self.log_dict({f"test/{name}": value for name, value in self.test_result["own"].items()}, sync_dist=False)

    def per_video(self) -> list[dict[str, Any]]:
        """A row per test video; call on every process."""
        return [{"video_id": video, **scores} for video, scores in self.scores.per_video().items()]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """With configuration and labels (plain values) a checkpoint alone is enough to rebuild its model."""
        checkpoint["avseg"] = {"config": self.config, "labels": self.labels}


class LongTask(VideoTest):
    """A model of long videos. Subclasses say how they learn, and what they predict in a video.

    Args:
        config: the resolved training configuration, plain values; it travels in every checkpoint.
        labels: the names of the classes; they travel too.
    """

    net: nn.Module

    def __init__(self, config: dict[str, Any], labels: list[str]) -> None:
        super().__init__()
        self.config, self.labels = config, labels
        self.test_result = {}

    def check(self) -> None:
        """Refuses choices that do not exist."""
        super().check()
        _ = self.aggregation, self.smoothing

    @property
    def aggregation(self) -> Aggregation:
        """How queries and sound become regions."""
        settings: dict[str, Any] = self.config["branch"]["aggregation"]
        groups = appearance_groups(self.labels) if settings["mode"] == "group" else None
        return Aggregation(**settings, modality=self.modality, groups=groups)  # type: ignore[arg-type]

    @property
    def smoothing(self) -> Smoothing:
        """How probabilities per second become intervals."""
        return Smoothing(**self.config["branch"]["smoothing"])

    def on_train_epoch_start(self) -> None:
        """Draws (dropout, drop path) depend on the seed and the epoch alone: a resumed run equals a straight one."""
        torch.manual_seed(self.config["seed"] * 100_003 + self.current_epoch * 1_009 + self.global_rank)

    def log_terms(self, terms: dict[str, Tensor], size: int) -> Tensor:
        """Logs the parts of a loss and returns their sum."""
        loss = torch.stack(list(terms.values())).sum()
        for name, value in {**terms, "loss": loss}.items():
            shown: Any = {"on_step": False, "on_epoch": True, "sync_dist": True, "prog_bar": name == "loss"}
            self.log(f"train/{name}", value.detach(), batch_size=size, **shown)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW; a backbone may learn at a rate of its own."""
        settings = {key: value for key, value in self.config["optimizer"].items() if key != "options"}
        rate, backbone_rate = settings["lr"], self.config["branch"]["backbone_lr"]
        groups = param_groups(
            self.net, rate, rate if backbone_rate is None else backbone_rate, settings["weight_decay"]
        )
        optimizer: torch.optim.Optimizer = instantiate(
            {**settings, **self.config["optimizer"]["options"]}, params=groups
        )
        return optimizer
