"""Options of the reconstruction of SST."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from avseg.config.schema import AtLeastOne, ModelConfig, Preset, Share, TrainConfig
from avseg.utils.errors import UserError


@dataclass(frozen=True)
class SSTConfig(ModelConfig):
    """A reconstruction of SST, which gets no sound.

    Attributes:
        channels: width of the transformer, a multiple of `heads`.
        width: channels of the decoder.
        features: width of the features behind the backbone.
        heads: attention heads.
        layers: layers of the transformer.
        hard_share: share of the training after which only the hardest 15 % of the pixels count.
        warm_up: share of the training in which the learning rate rises.
        power: power of the polynomial by which the learning rate falls.
    """

    builds: ClassVar[str] = "avseg.models.sst.module:SSTModule"
    reads: ClassVar[tuple[str, ...]] = ("backbone", "init", "optimizer")

    name: str = "sst_reconstruction"
    channels: AtLeastOne = 128
    width: AtLeastOne = 256
    features: AtLeastOne = 256
    heads: AtLeastOne = 8
    layers: AtLeastOne = 3
    hard_share: Share = 0.5
    warm_up: Annotated[float, Ge(0), Le(0.9)] = 0.04
    power: Annotated[float, Ge(0)] = 0.9

    def preset(self, setting: str) -> Preset:
        """30 epochs of 4 clips at 224 pixels, as AVS trains on MS3; how SST was trained on AVSBench is unknown."""
        return Preset()

    def label(self, config: TrainConfig) -> str:
        """Model, backbone and initialization, such as "sst_reconstruction-resnet101-scratch"."""
        assert config.backbone is not None
        return f"{self.name}-{config.backbone.name}-{config.init.name}"

    def check(self) -> None:
        """Check that heads and groups divide the channels."""
        if self.channels % self.heads or self.channels % 2:
            raise UserError(
                f"model.channels={self.channels} is not an even multiple of model.heads={self.heads}; the "
                "reconstruction has 128 and 8"
            )
        if self.width % 16:
            raise UserError(f"model.width={self.width} is not a multiple of 16; CFBI has 256")

    def check_run(self, config: TrainConfig) -> None:
        """Check that the backbone is a residual network and the data has one class."""
        assert config.backbone is not None
        name = config.backbone.name.partition(".")[0]
        if not name.startswith(("resnet", "test_resnet")):
            raise UserError(f"backbone={config.backbone.name}: sst_reconstruction needs a resnet, such as resnet101")
        if config.data.setting == "avss":
            raise UserError(
                f"data={config.data.name}: sst_reconstruction marks one class; use avsbench_s4 or avsbench_ms3"
            )
