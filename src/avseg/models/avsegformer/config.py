"""Options of AVSegFormer and its published recipe (the authors' configuration files of 2023-08)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Lt

from avseg.config.schema import AtLeastOne, Config, ModelConfig, Preset, TrainConfig
from avseg.utils.errors import UserError

_EPOCHS: Mapping[str, int] = {"s4": 30, "ms3": 60, "avss": 30}
_BATCH: Mapping[str, int] = {"s4": 2, "ms3": 2, "avss": 4}
_FROZEN_EPOCHS: Mapping[str, int] = {"s4": 5, "ms3": 10, "avss": 0}
# pixels that the files of 2023-08 were trained at; those of 2023-05 and the AVSS files at 224
_SIZE: Mapping[str, int] = {"s4": 512, "ms3": 512}
DEFAULT_SIZE = 224


@dataclass(frozen=True)
class AVSegFormerLossConfig(Config):
    """Mask loss plus `mix_weight` times the mix loss.

    Attributes:
        form: "dice" as published, to which silent frames teach nothing; "bce", the other choice of the published code;
            "dice_bce", their sum, which also learns from silent frames. AVSS has cross-entropy as its mask loss.
        mix_weight: weight of the mix loss; 0 for none.
    """

    form: Literal["dice", "bce", "dice_bce"] = "dice"
    mix_weight: Annotated[float, Ge(0)] = 0.1


@dataclass(frozen=True)
class AVSegFormerConfig(ModelConfig):
    """AVSegFormer; width, queries, heads and layers of the paper.

    Attributes:
        query_generator: "attention", the files of 2023-08, or "repeat", those of 2023-05.
        channels: width of everything behind the backbone.
        queries: queries per frame.
        heads: heads of every attention; `channels` is a multiple of it.
        layers: layers of pixel encoder, query generator and decoder, in each of them.
        dropout: dropout rate of pixel encoder and decoder.
        frozen_epochs: epochs in which the backbone is not trained (its batch norms still count); null: as published,
            5 for S4, 10 for MS3, 0 for AVSS.
    """

    builds: ClassVar[str] = "avseg.models.avsegformer.module:AVSegFormerModule"
    reads: ClassVar[tuple[str, ...]] = ("backbone", "audio", "init", "optimizer")

    name: str = "avsegformer"
    query_generator: Literal["attention", "repeat"] = "attention"
    channels: AtLeastOne = 256
    queries: AtLeastOne = 300
    heads: AtLeastOne = 8
    layers: AtLeastOne = 6
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.1
    frozen_epochs: Annotated[int, Ge(0)] | None = None
    loss: AVSegFormerLossConfig = field(default_factory=AVSegFormerLossConfig)

    def preset(self, setting: str) -> Preset:
        """30, 60 and 30 epochs of 2, 2 and 4 clips for S4, MS3 and AVSS; F over groups of 2 videos.

        S4 and MS3 at 512 pixels, with the repeated sound as queries and AVSS at 224.
        """
        return Preset(
            max_epochs=_EPOCHS.get(setting, 30),
            batch_size=_BATCH.get(setting, 2),
            image_size=_SIZE.get(setting, DEFAULT_SIZE) if self.query_generator == "attention" else DEFAULT_SIZE,
            videos_per_group=2,
        )

    def for_setting(self, setting: str) -> "AVSegFormerConfig":
        """With the published number of frozen epochs where none is set."""
        if self.frozen_epochs is not None:
            return self
        return replace(self, frozen_epochs=_FROZEN_EPOCHS.get(setting, 0))

    def label(self, config: TrainConfig) -> str:
        """Model, backbone and initialization, such as "avsegformer-resnet50-scratch"."""
        assert config.backbone is not None
        generator = "" if self.query_generator == "attention" else f"-{self.query_generator}"
        return f"{self.name}-{config.backbone.name}{generator}-{config.init.name}"

    def check(self) -> None:
        """Check that heads and norms divide the channels."""
        # groups of 8 channels, sine and cosine of rows and columns
        if self.channels % 8 or self.channels % self.heads:
            raise UserError(
                f"model.channels={self.channels} is not a multiple of 8 and of model.heads={self.heads}; the paper has "
                "256 and 8"
            )

    def check_run(self, config: TrainConfig) -> None:
        """Check that the backbone can halve the frames five times."""
        size = config.data.image_size
        if size is None or size % 32:
            raise UserError(f"data.image_size={size} is not a multiple of 32; the backbone halves it five times")
