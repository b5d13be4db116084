"""Options of the AVS model with TPAVI and its published recipe (AVS, ECCV 2022, section 5 and supplementary)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge

from avseg.config.schema import AtLeastOne, Config, ModelConfig, Preset, TrainConfig
from avseg.utils.errors import UserError

# S4 has one annotated frame per training clip, so the paper trains it without L_AVM
_MAPPING_WEIGHT: Mapping[str, float] = {"s4": 0.0}
_WINDOW: Mapping[str, int] = {"avss": 5}  # the official AVSS model reshapes its clips of 10 frames into two halves
_EPOCHS: Mapping[str, int] = {"s4": 15, "ms3": 30, "avss": 60}


@dataclass(frozen=True)
class AVSLossConfig(Config):
    """Mask loss plus `mapping_weight` times L_AVM."""

    mapping_weight: Annotated[float, Ge(0)] | None = None  # weight of L_AVM; null: 0 for S4, 0.5 for MS3 and AVSS
    mapping_form: Literal["kl", "euclidean"] = "kl"  # "kl", the published code, or "euclidean", the paper's text
    mapping_pairing: Literal["own", "closest"] = "own"  # the frame's "own" sound, or the "closest" of the batch
    # encoder stages whose maps enter L_AVM; null: every stage that carries TPAVI
    mapping_stages: tuple[Literal[1, 2, 3, 4], ...] | None = None


@dataclass(frozen=True)
class AVSConfig(ModelConfig):
    """The AVS model.

    Attributes:
        channels: width of neck, TPAVI and decoder, 256 in the paper.
        channels_last: use this memory format; depthwise convolutions take about half as long on a CPU with it.
    """

    builds: ClassVar[str] = "avseg.models.avs.module:AVSModule"
    reads: ClassVar[tuple[str, ...]] = ("backbone", "audio", "fusion", "init", "optimizer")

    name: str = "avs"
    channels: AtLeastOne = 256
    channels_last: bool = False
    loss: AVSLossConfig = field(default_factory=AVSLossConfig)

    def preset(self, setting: str) -> Preset:
        """15, 30 and 60 epochs of batches of 4 clips at 224 pixels for S4, MS3 and AVSS."""
        return Preset(max_epochs=_EPOCHS.get(setting, 30), fusion_window=_WINDOW.get(setting))

    def for_setting(self, setting: str) -> "AVSConfig":
        """With the paper's lambda where none is set."""
        if self.loss.mapping_weight is not None:
            return self
        return replace(self, loss=replace(self.loss, mapping_weight=_MAPPING_WEIGHT.get(setting, 0.5)))

    def label(self, config: TrainConfig) -> str:
        """Backbone, fusion and initialization, such as "resnet50-s34_frame-scratch"."""
        assert config.backbone is not None
        assert config.fusion is not None
        fusion = config.fusion
        name = "s" + "".join(map(str, sorted(fusion.stages))) if fusion.stages else "none"
        if fusion.stages and fusion.scope != "clip":
            name += f"_{fusion.scope}"
        if fusion.stages and fusion.scope == "clip" and fusion.window != _WINDOW.get(config.data.setting):
            name += f"_w{fusion.window}" if fusion.window else "_whole"
        if fusion.stages and fusion.mode != "audio":
            name += f"_{fusion.mode}"
        return f"{config.backbone.name}-{name}-{config.init.name}"

    def check_run(self, config: TrainConfig) -> None:
        """Check fusion, loss stages and frame size together."""
        stages = config.fusion.stages if config.fusion else ()
        if len(set(stages)) != len(stages):
            raise UserError(f"fusion.stages={list(stages)} names a stage twice; name each of 1, 2, 3, 4 at most once")
        missing = sorted(set(self.loss.mapping_stages or ()) - set(stages))
        if missing and self.loss.mapping_weight:
            raise UserError(
                f"model.loss.mapping_stages={list(self.loss.mapping_stages or ())}: stages {missing} carry no TPAVI "
                f"(fusion.stages={list(stages)}); choose among those, or set it to null to count all of them"
            )
        if config.fusion and config.fusion.scope == "frame" and config.fusion.window:
            raise UserError(
                f"fusion.window={config.fusion.window} with fusion.scope=frame: each frame sees itself alone; "
                "leave fusion.window out, or set fusion.scope=clip"
            )
        size = config.data.image_size
        if size is None or size % 32:
            raise UserError(f"data.image_size={size} is not a multiple of 32; the backbone halves it five times")

    def check_processes(self) -> None:
        """Refuse the pairing that searches the whole batch, of which each process has a share."""
        if self.loss.mapping_weight and self.loss.mapping_pairing == "closest":
            raise UserError(
                "model.loss.mapping_pairing=closest looks for the nearest sound in the whole batch, of which each "
                "process has a share; train it in one process (trainer=cpu, trainer=gpu), or use "
                "model.loss.mapping_pairing=own"
            )
