"""Options of AAVS and its published recipe (Stepping-Stones, ECCV 2024, and the authors' code)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge

from avseg.config.schema import AtLeastOne, ModelConfig, Preset, Share, TrainConfig
from avseg.utils.errors import UserError

AVSS = "avss"


@dataclass(frozen=True)
class AAVSConfig(ModelConfig):
    """AAVS: Mask2Former with audio-prompted queries and adapters.

    The first `warmup_share` of the epochs trains without Swin adapters, at `warmup_lr`; then training begins again from
    the best epoch, with new Swin adapters and a new optimizer at `optimizer.lr`.
    """

    builds: ClassVar[str] = "avseg.models.aavs.module:AAVSModule"
    reads: ClassVar[tuple[str, ...]] = ("audio", "init", "optimizer")

    name: str = "aavs"
    network: Literal["swin_base", "toy", "tiny"] = "swin_base"  # "swin_base" as published; "toy", "tiny"
    pretrained: bool | str = False  # false, true (ADE20k weights from the hub), or a folder with them
    trains: Literal["adapters", "all"] = "adapters"  # the adapters (as published), or all weights
    queries: AtLeastOne | None = None  # number of queries; null: as published, 30, for AVSS 100
    warmup_share: Share | None = None  # share of the epochs in the first phase; null: 1/2, for AVSS 1/3
    warmup_lr: Annotated[float, Ge(0)] = 1.0e-3  # learning rate of the first phase
    # AVSS: run or checkpoint of a finished binary model (S4, MS3), whose masks are those of stage 1; it becomes part of
    # this model's checkpoints
    stage1: str | None = None

    def preset(self, setting: str) -> Preset:
        """60 epochs of one clip at 384 pixels, F-score of every video alone."""
        return Preset(max_epochs=60, batch_size=1, image_size=384, videos_per_group=1)

    def for_setting(self, setting: str) -> "AAVSConfig":
        """With the published number of queries and share of the first phase where none is set."""
        semantic = setting == AVSS
        queries = self.queries or (100 if semantic else 30)
        share = (1 / 3 if semantic else 1 / 2) if self.warmup_share is None else self.warmup_share
        return replace(self, queries=queries, warmup_share=share)

    def label(self, config: TrainConfig) -> str:
        """Network and initialization, such as "aavs-swin_base-scratch"."""
        return f"{self.name}-{self.network}-{config.init.name}"

    def check_run(self, config: TrainConfig) -> None:
        """Check that AVSS alone has a model of stage 1."""
        semantic = config.data.setting == AVSS
        if semantic and self.stage1 is None:
            raise UserError(
                f"model={self.name} with data={config.data.name} needs the masks of a first stage; set "
                "model.stage1=RUN_OR_CHECKPOINT, a finished model of S4 or MS3, such as model=aavs data=avsbench_ms3"
            )
        if not semantic and self.stage1 is not None:
            raise UserError(
                f"model.stage1={self.stage1} is read with the classes of AVSS alone; leave it out for "
                f"data={config.data.name}"
            )

    def part_files(self) -> Mapping[str, str]:
        """The model of stage 1."""
        return {} if self.stage1 is None else {"stage1": self.stage1}
