"""Options of the location prior."""

from dataclasses import dataclass
from typing import ClassVar

from avseg.config.schema import AtLeastOne, ModelConfig, Preset, TrainConfig
from avseg.models.localisation.checks import check_binary


@dataclass(frozen=True)
class PriorConfig(ModelConfig):
    """The location prior, which gets neither image nor sound.

    Attributes:
        cells: side of the learned map.
    """

    builds: ClassVar[str] = "avseg.models.prior.module:PriorModule"
    reads: ClassVar[tuple[str, ...]] = ("init", "optimizer")

    name: str = "prior"
    cells: AtLeastOne = 14

    def preset(self, setting: str) -> Preset:
        """Few epochs: a map of 14 by 14 cells needs no more."""
        return Preset(max_epochs=5, batch_size=16)

    def check_run(self, config: TrainConfig) -> None:
        """Check that the data has one class."""
        check_binary(config)
