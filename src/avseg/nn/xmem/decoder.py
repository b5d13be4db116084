"""The decoder of XMem: mask logits from the memory readout, the sensory memory and the frame (section 3.2)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avseg.nn.xmem.blocks import FeatureFusion, Upsample, gated_update


class HiddenUpdater(nn.Module):
    """Update the sensory memory from the decoder's maps at three strides (section 3.4)."""

    def __init__(self, g16: int, g8: int, g4: int, inner: int, hidden_channels: int) -> None:
        super().__init__()
        self.g16_conv = nn.Conv2d(g16, inner, 1)
        self.g8_conv = nn.Conv2d(g8, inner, 1)
        self.g4_conv = nn.Conv2d(g4, inner, 1)
        self.transform = nn.Conv2d(inner + hidden_channels, 3 * hidden_channels, 3, padding=1)

    def forward(self, g16: Tensor, g8: Tensor, g4: Tensor, hidden: Tensor) -> Tensor:
        """Map decoder maps (n, C, ., .) of three strides and hidden (n, CH, h, w) to the next hidden (n, CH, h, w)."""
        # all at stride 16: (n, inner, h, w)
        x = self.g16_conv(g16) + self.g8_conv(F.avg_pool2d(g8, 2)) + self.g4_conv(F.avg_pool2d(g4, 4))
        gates = self.transform(torch.cat([x, hidden], 1))  # (n, 3 CH, h, w)
        return gated_update(gates, hidden)


class Decoder(nn.Module):
    """Refine the readout at stride 16 with the frame's features of stride 8 and 4; `width` as in `KeyEncoder`."""

    def __init__(self, width: int, value_channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.fuser = FeatureFusion(16 * width, value_channels + hidden_channels, 8 * width)
        self.hidden_update = HiddenUpdater(8 * width, 4 * width, 4 * width + 1, 4 * width, hidden_channels)
        self.up_16_8 = Upsample(8 * width, 8 * width, 4 * width)
        self.up_8_4 = Upsample(4 * width, 4 * width, 4 * width)
        self.pred = nn.Conv2d(4 * width, 1, 3, padding=1)

    def forward(
        self, features: tuple[Tensor, Tensor, Tensor], readout: Tensor, hidden: Tensor, *, update: bool
    ) -> tuple[Tensor, Tensor]:
        """Decode the n objects of one frame, each independent of the others.

        Args:
            features: the key encoder's maps of stride 16, 8 and 4, (1, C, ., .) each.
            readout: memory readout of each object (n, CV, h, w).
            hidden: sensory memory (n, CH, h, w).
            update: also update the sensory memory (false where the value encoder will refresh it).

        Returns:
            logits (n, H, W) at the size of the frame, and the sensory memory (n, CH, h, w).
        """
        f16, f8, f4 = features  # maps of the frame are broadcast over the objects
        g16 = self.fuser(f16, torch.cat([readout, hidden], 1))  # (n, 8 width, h, w)
        g8 = self.up_16_8(f8, g16)  # (n, 4 width, 2h, 2w)
        g4 = self.up_8_4(f4, g8)  # (n, 4 width, 4h, 4w)
        logits = self.pred(F.relu(g4))  # (n, 1, 4h, 4w)
        if update:
            hidden = self.hidden_update(g16, g8, torch.cat([g4, logits], 1), hidden)
        logits = F.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)  # (n, 1, H, W)
        return logits.squeeze(1), hidden
