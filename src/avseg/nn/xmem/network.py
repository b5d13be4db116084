"""XMem: the network (ECCV 2022, "Long-Term Video Object Segmentation with an Atkinson-Shiffrin Memory Model").

One video at a time: the batch dimension counts the objects. Names and shapes of the state dict are the official ones,
so that the published `XMem.pth` loads (`avseg.nn.xmem.weights`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from avseg.nn.xmem.decoder import Decoder
from avseg.nn.xmem.encoders import KeyEncoder, KeyProjection, ValueEncoder

STRIDE = 16


class FrameFeatures(NamedTuple):
    """Features of one frame from the key encoder, the same for all objects.

    At stride 16 the key (1, CK, h, w), the shrinkage (1, 1, h, w) of at least 1, the confidence of each position as
    memory, and the selection (1, CK, h, w), weights of the channels when a position is the query; maps of stride 16, 8
    and 4.
    """

    key: Tensor
    shrinkage: Tensor
    selection: Tensor
    maps: tuple[Tensor, Tensor, Tensor]


class XMem(nn.Module):
    """The key encoder, the value encoder and the decoder; `Propagator` holds the memory between them.

    Keys, values and the sensory memory have CK, CV and CH channels; `width` is that of the encoders' first convolution,
    from which all others follow; blocks are counted for each stage of the encoders.
    """

    def __init__(
        self,
        key_channels: int = 64,
        value_channels: int = 512,
        hidden_channels: int = 64,
        width: int = 64,
        key_blocks: Sequence[int] = (3, 4, 6),
        value_blocks: Sequence[int] = (2, 2, 2),
    ) -> None:
        super().__init__()
        self.key_channels = key_channels
        self.value_channels = value_channels
        self.hidden_channels = hidden_channels
        self.key_encoder = KeyEncoder(width, key_blocks)
        self.value_encoder = ValueEncoder(width, value_blocks, value_channels, hidden_channels)
        self.key_proj = KeyProjection(16 * width, key_channels)
        self.decoder = Decoder(width, value_channels, hidden_channels)

    def encode_key(self, frame: Tensor) -> FrameFeatures:
        """Encode a frame (1, 3, H, W), normalised as by `avseg.nn.normalise`; H and W multiples of 16."""
        maps = self.key_encoder(frame)  # strides 16, 8 and 4
        key, shrinkage, selection = self.key_proj(maps[0])
        return FrameFeatures(key, shrinkage, selection, maps)

    def encode_value(
        self, frame: Tensor, features: FrameFeatures, masks: Tensor, hidden: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Encode the masks (n, H, W) of n objects into values (n, CV, h, w) and refreshed hidden (n, CH, h, w)."""
        value, hidden = self.value_encoder(frame, features.maps[0], masks, hidden)
        return value, hidden

    def decode(
        self, features: FrameFeatures, readout: Tensor, hidden: Tensor, *, update: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Decode readouts (n, CV, h, w) into logits (n, H, W) and the next hidden (n, CH, h, w); see `Decoder`."""
        logits, hidden = self.decoder(features.maps, readout, hidden, update=update)
        return logits, hidden


def soft_aggregation(probabilities: Tensor) -> Tensor:
    """Normalise independent probabilities (n, H, W) to (1 + n, H, W), background first, summing to 1.

    A softmax over the logits of the objects and the background, whose probability is the product of all 1 - p (section
    3.2; from STM, ICCV 2019).
    """
    background = (1 - probabilities).prod(0, keepdim=True)  # (1, H, W)
    # clamped: the logit of 0 or 1 is infinite
    return torch.cat([background, probabilities]).clamp(1e-7, 1 - 1e-7).logit().softmax(0)


def tiny_xmem(seed: int = 0) -> XMem:
    """Build a narrow network with random weights for tests: 173 thousand parameters, milliseconds per small frame."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return XMem(8, 16, 8, width=4, key_blocks=(1, 1, 1), value_blocks=(1, 1, 1)).eval()
