"""Options of LGVT and its published recipe."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Lt

from avseg.config.schema import AtLeastOne, ModelConfig, Preset, TrainConfig
from avseg.utils.errors import UserError

IMAGES_PER_STEP = 10


@dataclass(frozen=True)
class LGVTConfig(ModelConfig):
    """LGVT, which gets no sound; the defaults are the published network.

    Attributes:
        inner_size: side in pixels of the images that the network sees; frames are resized to it, logits back.
        dim: channels of the encoder's first stage.
        depths: blocks of its four stages.
        heads: attention heads of its four stages.
        window: side of the attention windows, in cells of 4 to 32 pixels.
        width: width of the decoder, and length of a noise vector.
        drop_path: largest rate of stochastic depth.
        pretrained: ImageNet weights of the encoder: true (timm's hub or the cache folder), false, or a file.
        samples: noise vectors per prediction; the prediction is their mean probability; 1 as published.
        full_rate_epochs: epochs before the learning rate falls; null for never.
    """

    builds: ClassVar[str] = "avseg.models.lgvt.module:LGVTModule"
    reads: ClassVar[tuple[str, ...]] = ("init", "optimizer")

    name: str = "lgvt"
    inner_size: AtLeastOne = 384
    dim: AtLeastOne = 128
    depths: tuple[AtLeastOne, AtLeastOne, AtLeastOne, AtLeastOne] = (2, 2, 18, 2)
    heads: tuple[AtLeastOne, AtLeastOne, AtLeastOne, AtLeastOne] = (4, 8, 16, 32)
    window: AtLeastOne = 12
    width: AtLeastOne = 32
    drop_path: Annotated[float, Ge(0), Lt(1)] = 0.1
    pretrained: bool | str = True
    samples: AtLeastOne = 1
    full_rate_epochs: AtLeastOne | None = 20

    def preset(self, setting: str) -> Preset:
        """30 epochs of 10 annotated images per step: 10 clips for S4, 2 for MS3."""
        return Preset(max_epochs=30, batch_size=IMAGES_PER_STEP if setting == "s4" else IMAGES_PER_STEP // 5)

    def check(self) -> None:
        """Check that windows divide the maps, and heads the channels."""
        if self.inner_size % 32:
            raise UserError(f"model.inner_size={self.inner_size} is not a multiple of 32; as published it is 384")
        for stage, heads in enumerate(self.heads):
            side = self.inner_size // (4 * 2**stage)
            if side % min(self.window, side):
                raise UserError(
                    f"model.window={self.window} does not divide the {side} cells of stage {stage + 1}; with "
                    "model.window=12 the sizes 96, 192 and multiples of 384 are possible"
                )
            if self.dim * 2**stage % heads:
                raise UserError(
                    f"model.heads={list(self.heads)}: {heads} heads do not divide the {self.dim * 2**stage} channels "
                    f"of stage {stage + 1}; as published it is [4,8,16,32]"
                )

    def check_run(self, config: TrainConfig) -> None:
        """Check that the data has one class, and frames of one size."""
        if config.data.setting == "avss":
            raise UserError(f"data={config.data.name}: LGVT marks one class; use avsbench_s4 or avsbench_ms3")
