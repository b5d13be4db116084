"""Parts that the Lightning module of every model shares: what it is built for, optimizer, seeds, checkpoint content."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from avseg.audio.frontend import FrontEnd
from avseg.config.components import built_class, make
from avseg.config.schema import AudioConfig, BackboneConfig, FusionConfig, ModelConfig, OptimizerConfig, Plain, Preset
from avseg.data.setting import ClipSetting
from avseg.utils.distributed import get_world_size
from avseg.utils.errors import UserError

# the optimizers that torch has in one kernel for all weights
FUSED = ("torch.optim.Adam", "torch.optim.AdamW")
Score = dict[str, float]
Row = dict[str, Any]  # a row of per_clip.csv or per_video.csv


@dataclass(frozen=True)
class BuildContext:
    """Data, recipe and groups that a model is built for, next to its own options.

    A group is None where the model does not read it; `image_size` None takes frames as they are; `labels` are the
    classes of long videos; `metrics` None computes all registered ones; `pretrained` is False where a checkpoint brings
    all weights; `parts` are the finished modules of a composition, by role.
    """

    setting: ClipSetting
    preset: Preset
    image_size: int | None = 224
    labels: tuple[str, ...] = ()
    backbone: BackboneConfig | None = None
    audio: AudioConfig | None = None
    fusion: FusionConfig | None = None
    metrics: tuple[str, ...] | None = None
    pretrained: bool = True
    parts: "Mapping[str, ExperimentModule]" = field(default_factory=dict)


@dataclass(frozen=True)
class FitOptions:
    """Options that a module needs in training alone."""

    optimizer: OptimizerConfig | None
    seed: int
    precision: str = "32-true"


class ExperimentModule(pl.LightningModule, ABC):
    """Base of the Lightning modules of all models.

    `monitor` is the validation score whose best epoch is kept; `official_audio` is True if the authors' files hold the
    audio encoder too; `record` the plain configuration of the run, which
    travels in every checkpoint; data sets, controls and predictions use the same `frontend` object as the model.
    """

    monitor: ClassVar[str] = "val/miou"
    official_audio: ClassVar[bool] = False
    rows_file: ClassVar[str] = "per_clip.csv"

    def __init__(self, config: ModelConfig, context: BuildContext) -> None:
        super().__init__()
        self.config = config
        self.context = context
        self.setting = context.setting
        self.preset = context.preset
        self.labels = list(context.labels)
        self.frontend = self.make_frontend(config, context.audio)
        self.record: dict[str, Plain] = {}
        self.fit_options: FitOptions | None = None
        self.test_result: dict[str, Score] = {}
        self._frozen: list[nn.Parameter] = []

    @classmethod
    def make_frontend(cls, config: ModelConfig, audio: AudioConfig | None) -> FrontEnd | None:
        """The front end of the group `audio`; None for a model without sound.

        A model that brings a front end of its own overrides this. Data sets call it without building the model.
        """
        frontend: FrontEnd | None = None if audio is None else built_class(audio).make_frontend(audio)
        return frontend

    def make_audio_encoder(self) -> nn.Module:
        """The encoder that the group `audio` selects."""
        if self.context.audio is None:
            raise UserError(
                f"model={self.config.name}: there is no audio encoder; add 'audio' to {_reads(self.config)}"
            )
        encoder: nn.Module = built_class(self.context.audio)(self.context.audio, self.context.pretrained)
        return encoder

    def prepare_fit(self) -> None:
        """Read what training alone needs, before anything is written; raises `UserError` where it is missing."""

    def import_weights(self, official: Mapping[str, Tensor]) -> None:
        """Load weights with the names of the authors' code; raises `UserError` where they do not fit."""
        raise UserError(f"model={self.config.name} has no official weights to import")

    def export_weights(self) -> dict[str, Tensor]:
        """The weights with the names of the authors' code."""
        raise UserError(f"model={self.config.name} has no official weights to export to")

    @abstractmethod
    def rows(self) -> list[Row]:
        """A row per test item with its scores; call it on every process."""

    @abstractmethod
    def result(self, rows: list[Row]) -> dict[str, Plain]:
        """The content of result.json after a test, without the split."""

    def parameter_groups(self, optimizer: OptimizerConfig) -> Iterable[Any]:
        """The parameters to train, or groups of them with learning rates of their own."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def frozen_parameters(self, epoch: int) -> Iterable[nn.Parameter]:
        """The parameters that an epoch does not train, though the optimizer has them."""
        return ()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer of the configuration."""
        assert self.fit_options is not None
        config = self.fit_options.optimizer
        if config is None:
            raise UserError(
                f"model={self.config.name}: there is no optimizer; add 'optimizer' to {_reads(self.config)}"
            )
        options: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay}
        # Lightning cannot clip gradients with a gradient scaler and a fused optimizer
        if self.fuses_optimizer and config.target in FUSED and not self.fit_options.precision.startswith("16"):
            options["fused"] = True
        options |= dict(config.options)
        optimizer: torch.optim.Optimizer = make(
            config.target, options, "optimizer", params=self.parameter_groups(config)
        )
        return optimizer

    fuses_optimizer: ClassVar[bool] = True

    def learning_rate_factor(self, epoch: int, step: int) -> float:
        """The factor of the learning rate after `step` optimizer steps, in an epoch counted from 0."""
        return 1.0

    def on_train_batch_start(self, *_: Any) -> None:
        """Set the learning rate, which depends on epoch and step alone: a resumed run needs no state for it."""
        if type(self).learning_rate_factor is ExperimentModule.learning_rate_factor:
            return
        factor = self.learning_rate_factor(self.current_epoch, self.global_step)
        for group in self.trainer.optimizers[0].param_groups:
            group["initial_lr"] = group.get("initial_lr", group["lr"])
            group["lr"] = factor * group["initial_lr"]

    def on_train_epoch_start(self) -> None:
        """Freeze, and seed random layers (dropout) by run seed and epoch: a resumed run equals an unbroken one."""
        assert self.fit_options is not None
        self._freeze(self.current_epoch)
        torch.manual_seed(self.fit_options.seed * 100_003 + self.current_epoch * 1_009 + self.global_rank)

    def _freeze(self, epoch: int) -> None:
        for parameter in self._frozen:
            parameter.requires_grad_(True)
        self._frozen = [parameter for parameter in self.frozen_parameters(epoch) if parameter.requires_grad]
        # DistributedDataParallel waits for the gradient of every parameter that it was made with
        if get_world_size() == 1:
            for parameter in self._frozen:
                parameter.requires_grad_(False)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Let the optimizer skip the frozen parameters, without momentum or weight decay."""
        for parameter in self._frozen:
            parameter.grad = None

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the plain values from which the model is rebuilt: a checkpoint alone is enough."""
        checkpoint["avseg"] = self.blueprint()

    def blueprint(self) -> dict[str, Plain]:
        """Return configuration, setting and labels, and those of the finished models that are part of this one."""
        values: dict[str, Plain] = {"config": self.record, "setting": asdict(self.setting), "labels": self.labels}
        if self.context.parts:
            values["parts"] = {role: part.blueprint() for role, part in self.context.parts.items()}
        return values


def _reads(config: ModelConfig) -> str:
    return f"{type(config).__name__}.reads"
