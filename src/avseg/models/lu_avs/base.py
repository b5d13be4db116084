"""Base of all models of long videos: a test that streams each video and scores it as a whole."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import asdict, replace
from math import isnan
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from avseg.config.schema import OptimizerConfig, Plain
from avseg.data.lu_avs import Chunk, Fit, LUAVSDataModule
from avseg.data.lu_avs.evaluation import VideoReader
from avseg.models.experiment import BuildContext, ExperimentModule, Row
from avseg.models.lu_avs.activity import Smoothing, SoundActivity
from avseg.models.lu_avs.aggregation import Aggregation, RegionPrediction
from avseg.models.lu_avs.config import BranchConfig, ScoreConfig
from avseg.models.lu_avs.groups import appearance_groups
from avseg.models.lu_avs.param_groups import param_groups
from avseg.models.lu_avs.scores import VideoScores
from avseg.utils.errors import UserError
from avseg.utils.memory import return_free_memory

Predictions = Iterator[tuple[Chunk, RegionPrediction]]
Choices = dict[str, dict[str, Plain]]


class LongVideoModule(ExperimentModule):
    """A model that is tested on long videos.

    `region` is scored, "mask", "box" or "none" (times alone); `modality` is "V", "A" or "AV"; `fixed_frames` is the
    reason why the frames to predict cannot be chosen, "" if they can; `tested_on` are properties of the data of the
    last test.
    """

    rows_file: ClassVar[str] = "per_video.csv"
    fixed_frames: ClassVar[str] = ""
    square_frames: ClassVar[bool] = False
    classifies_sound: ClassVar[bool] = False

    region = "mask"
    modality = "V"
    scores: VideoScores
    tested_on: dict[str, Plain]

    @property
    def score_config(self) -> ScoreConfig:
        """The definitions of the scores."""
        config: ScoreConfig = self.config.score  # type: ignore[attr-defined]
        return config

    @property
    def choices(self) -> Choices:
        """Everything the paper leaves open and the scores of the last test depend on, by topic."""
        score = asdict(self.score_config) | {"predicted_range": self.scores.score.predicted_range}
        return {"score": score, "data": self.tested_on}

    def new_video_scores(self) -> VideoScores:
        """Empty scores of what this model predicts."""
        return VideoScores(self.score_config, self.region, self.modality)

    def check(self) -> None:
        """Refuse options that do not exist; raises `UserError`."""
        self.new_video_scores()

    @property
    def frame_fit(self) -> Fit:
        """The size of the frames of the training."""
        data = self.record["data"]
        return Fit(data["image_size"], data["long_side"], square=self.square_frames)

    @property
    def class_names(self) -> list[str]:
        """Names of the classes that are predicted."""
        return self.labels

    @property
    @abstractmethod
    def prediction_settings(self) -> dict[str, Plain]:
        """The options that a prediction depends on, for its record."""

    @abstractmethod
    def with_threshold(self, threshold: float) -> Self:
        """Return a copy with another threshold that shares the weights."""

    def listen(self, waveforms: Iterable[np.ndarray]) -> SoundActivity | None:
        """Classify the sound of a whole video, given as waveforms (16000,) float32 of each second.

        None for a model that does not classify sound; the waveforms are not consumed then.
        """
        return None

    @abstractmethod
    def predict_frames(self, reader: VideoReader, activity: SoundActivity | None) -> Predictions:
        """Yield a few frames at a time with their prediction; the same in evaluation and `avseg predict`."""

    def predict_video(self, data: LUAVSDataModule, video_id: str) -> Predictions:
        """Predict a video of a release."""
        reader = data.reader(video_id)
        return self.predict_frames(reader, self.listen(reader.waveforms()))

    def setup(self, stage: str) -> None:
        """Check that the data has the labels of the training; raises `UserError`."""
        data: LUAVSDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        self.check_labels(data.root, data.labels)

    def check_labels(self, root: Path | str, labels: list[str]) -> None:
        """Refuse a release in the folder `root` whose classes are not those of the training; raises `UserError`."""
        if labels != self.labels:
            raise UserError(
                f"{root} has {len(labels)} labels, the model was trained on {len(self.labels)}, or on others of the "
                "same number; evaluate it on the release that it was trained on"
            )

    def on_test_start(self) -> None:
        """Forget an earlier evaluation."""
        data: LUAVSDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        self.tested_on = {"labels": len(data.labels), "rate": data.rate}
        self.scores = self.new_video_scores().to(self.device)

    def test_step(self, video_id: str, batch_index: int) -> None:
        """Stream a video: memory does not grow with its length."""
        data: LUAVSDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        self.scores.declare(video_id)
        with torch.inference_mode():
            for chunk, prediction in self.predict_video(data, video_id):
                self.scores.update(data.release.videos[video_id], chunk, prediction)
                return_free_memory()

    def on_test_epoch_end(self) -> None:
        """Compute the scores over all videos."""
        self.test_result = {"own": self.scores.compute()}
        self.log_dict({f"test/{name}": value for name, value in self.test_result["own"].items()}, sync_dist=False)

    def rows(self) -> list[Row]:
        """A row per test video; call it on every process."""
        return [{"video_id": video, **scores} for video, scores in self.scores.per_video().items()]

    def result(self, rows: list[Row]) -> dict[str, Plain]:
        """Region, modality, choices that the paper leaves open, scores."""
        scores = {name: None if isnan(value) else value for name, value in self.test_result["own"].items()}
        return {
            "region": self.region,
            "modality": self.modality,
            "videos": len(rows),
            "choices": self.choices,
            "scores": {"own": scores},
        }


class BranchModule(LongVideoModule):
    """A branch of the strong baseline, or their composition; the names of the classes travel in the checkpoint."""

    fuses_optimizer: ClassVar[bool] = False
    config: BranchConfig
    net: torch.nn.Module

    def __init__(self, config: BranchConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.check()

    def check(self) -> None:
        """Refuse options that do not exist; raises `UserError`."""
        super().check()
        _ = self.aggregation
        _ = self.smoothing

    @property
    def aggregation(self) -> Aggregation:
        """Options that turn queries and sound into regions."""
        config = self.config.aggregation
        groups = appearance_groups(self.labels) if config.mode == "group" else None
        return Aggregation(**asdict(config), modality=self.modality, groups=groups)  # type: ignore[arg-type]

    @property
    def smoothing(self) -> Smoothing:
        """Options that turn probabilities per second into intervals."""
        return Smoothing(**asdict(self.config.smoothing))

    @property
    def prediction_settings(self) -> dict[str, Plain]:
        """Aggregation and smoothing, where they are used."""
        settings: dict[str, Plain] = {}
        if self.modality != "A":
            settings["aggregation"] = asdict(self.config.aggregation) | {"modality": self.modality}
        if self.classifies_sound:
            settings["smoothing"] = asdict(self.config.smoothing)
        return settings

    def with_threshold(self, threshold: float) -> Self:
        """Change the threshold of the sound's probabilities, of a visual branch alone that of the regions' scores."""
        changed = copy(self)
        if self.classifies_sound:
            smoothing = replace(self.config.smoothing, threshold=threshold)
            changed.config = replace(self.config, smoothing=smoothing)
        else:
            aggregation = replace(self.config.aggregation, threshold=threshold)
            changed.config = replace(self.config, aggregation=aggregation)
        return changed

    def log_terms(self, terms: dict[str, Tensor], size: int) -> Tensor:
        """Log the terms of a loss and return their sum."""
        loss = torch.stack(list(terms.values())).sum()
        for name, value in {**terms, "loss": loss}.items():
            self.log(
                f"train/{name}",
                value.detach(),
                batch_size=size,
                on_step=False,
                on_epoch=True,
                sync_dist=True,
                prog_bar=name == "loss",
            )
        return loss

    def parameter_groups(self, optimizer: OptimizerConfig) -> list[dict[str, Any]]:
        """Groups for AdamW; a backbone may have a learning rate of its own."""
        backbone_lr = getattr(self.config, "backbone_lr", None)
        return param_groups(
            self.net, optimizer.lr, optimizer.lr if backbone_lr is None else backbone_lr, optimizer.weight_decay
        )
