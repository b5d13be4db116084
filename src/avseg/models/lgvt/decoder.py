"""The decoder of LGVT: five maps of equal width become one saliency map, deepest first."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

REDUCTION = 16  # of the gate's hidden layer
DILATIONS = (6, 12, 18, 24)


class GatedResidual(nn.Module):
    """Residual block with a gate per channel (RCAB)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // REDUCTION)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.gate = nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Refine (N, C, h, w)."""
        y = self.conv2(F.relu(self.conv1(x)))
        gate = self.gate(F.adaptive_avg_pool2d(y, 1)).sigmoid()  # (N, C, 1, 1)
        refined: Tensor = x + y * gate
        return refined


class DilatedSum(nn.Module):
    """Sum of four parallel 3x3 convolutions of growing dilation."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList()
        for dilation in DILATIONS:
            self.branches.append(nn.Conv2d(channels, out_channels, 3, padding=dilation, dilation=dilation))

    def forward(self, x: Tensor) -> Tensor:
        """Reduce (N, C, h, w) to `out_channels`."""
        first, *branches = self.branches
        total: Tensor = first(x)
        for branch in branches:
            total = total + branch(x)
        return total


class Decoder(nn.Module):
    """Merge strides 32, 16, 8 and 4; each step sees the results of all deeper ones."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.refine = nn.ModuleList(GatedResidual(count * width) for count in (2, 3, 4, 5))
        self.merge = nn.ModuleList(DilatedSum(count * width, width) for count in (2, 3, 4))
        self.classify = DilatedSum(5 * width, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Decode five maps (N, width, h, w), stride 4 first, the last two of stride 32, into logits (N, 1, 4h, 4w)."""
        x1, x2, x3, x4, x5 = maps
        a = self.merge[0](self.refine[0](torch.cat((x5, x4), 1)))  # stride 32
        b = self.merge[1](self.refine[1](torch.cat((_up(x5, 2), _up(a, 2), x3), 1)))  # stride 16
        c = self.merge[2](self.refine[2](torch.cat((_up(x5, 4), _up(a, 4), _up(b, 2), x2), 1)))  # stride 8
        d = self.refine[3](torch.cat((_up(x5, 8), _up(a, 8), _up(b, 4), _up(c, 2), x1), 1))  # stride 4
        return _up(self.classify(d), 4)


def _up(x: Tensor, factor: int) -> Tensor:
    return F.interpolate(x, scale_factor=float(factor), mode="bilinear", align_corners=True)
