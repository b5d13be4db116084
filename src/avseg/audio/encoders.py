"""Audio encoders built from their options: a front end for the data and a network for the model."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from avseg.audio.config import MelConfig, VGGishConfig
from avseg.audio.frontend import FrontEnd, LogMel
from avseg.audio.mel_statistics import MelStatistics
from avseg.audio.vggish import VGGish
from avseg.audio.vggish_weights import load_vggish_weights


class AudioEncoder(nn.Module, ABC):
    """Interface of the class that an `AudioConfig` builds: `Encoder(config, pretrained)`."""

    @staticmethod
    @abstractmethod
    def make_frontend(config: "object") -> FrontEnd:
        """The front end whose items this encoder takes; called without the network, by data sets."""

    @abstractmethod
    def forward(self, items: Tensor) -> Tensor:
        """Encode items of the front end (B, T, *shape) as embeddings (B, T, dim)."""


class VGGishEncoder(VGGish, AudioEncoder):
    """VGGish on log-mel patches; `pretrained` is False where a checkpoint brings the weights."""

    def __init__(self, config: VGGishConfig, pretrained: bool = True) -> None:
        super().__init__()
        if pretrained and config.weights != "random":
            load_vggish_weights(self, config.weights)

    @staticmethod
    def make_frontend(config: VGGishConfig) -> FrontEnd:  # type: ignore[override]
        """Log-mel patches."""
        return LogMel(config.hop)


class MelEncoder(MelStatistics, AudioEncoder):
    """Statistics of log-mel patches, see `VGGishEncoder`."""

    def __init__(self, config: MelConfig, pretrained: bool = True) -> None:
        super().__init__(hidden=config.hidden)

    @staticmethod
    def make_frontend(config: MelConfig) -> FrontEnd:  # type: ignore[override]
        """Log-mel patches."""
        return LogMel(config.hop)
