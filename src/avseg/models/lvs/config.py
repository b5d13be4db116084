"""Options of LVS and its recipe (CVPR 2021, section 4; epochs are not published)."""

from dataclasses import dataclass
from typing import ClassVar

from avseg.config.schema import Preset
from avseg.models.localisation.config import LocalisationConfig


@dataclass(frozen=True)
class LVSConfig(LocalisationConfig):
    """LVS; shorter sounds are repeated, and frames are cropped and flipped in training.

    Attributes:
        trimap: leave pixels between both thresholds out; without, what is not positive is negative.
        hard_negatives: count the background of an image as a negative of its own sound.
    """

    builds: ClassVar[str] = "avseg.models.lvs.module:LVSModule"

    name: str = "lvs"
    trimap: bool = True
    hard_negatives: bool = True

    def preset(self, setting: str) -> Preset:
        """Batches of 256 pairs as published; 32 clips where masks are learned; 50 epochs, which are ours."""
        return Preset(max_epochs=50, batch_size=32 if self.supervised else 256)
