"""The neck after each encoder stage: dilated convolutions added up ("ASPP-like"; AVS, ECCV 2022, section 4.2)."""

from torch import Tensor, nn

DILATIONS = (3, 6, 12, 18)


class Neck(nn.Module):
    """Sum of four dilated 3x3 convolutions; no norm, no activation.

    Maps (N, `channels_in`, h, w) to (N, `channels`, h, w). Weights start from N(0, 0.01), as in the official code.

    Args:
        channels_in: channels of the encoder stage.
        channels: channels of the decoder.
    """

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(channels_in, channels, 3, padding=dilation, dilation=dilation) for dilation in DILATIONS
        )
        for name, parameter in self.branches.named_parameters():
            if name.endswith("weight"):
                nn.init.normal_(parameter, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, `channels_in`, h, w) to (N, `channels`, h, w)."""
        first, *others = self.branches
        total: Tensor = first(x)
        for branch in others:
            total = total + branch(x)
        return total
