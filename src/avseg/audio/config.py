"""Options of the audio encoders; importing this module imports no torch."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from avseg.config.schema import AudioConfig


@dataclass(frozen=True)
class VGGishConfig(AudioConfig):
    """The frozen VGGish.

    Attributes:
        weights: path of vggish-10086976.pth; "download" fetches it, "random" leaves the network untrained.
    """

    builds: ClassVar[str] = "avseg.audio.encoders:VGGishEncoder"

    name: str = "vggish"
    weights: str = "download"


@dataclass(frozen=True)
class MelConfig(AudioConfig):
    """Statistics of the mel bands, without pretrained weights.

    Attributes:
        hidden: width of a small trainable network behind the statistics; 0 for none.
    """

    builds: ClassVar[str] = "avseg.audio.encoders:MelEncoder"

    name: str = "mel"
    hidden: Annotated[int, Ge(0)] = 0
