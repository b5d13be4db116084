"""The decoder of CFBI: residual blocks whose channels are gated by a vector that describes an object.

Yang et al., "Collaborative Video Object Segmentation by Foreground-Background Integration", ECCV 2020.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GROUPS = 32
GATE_EPS = 1e-5
# width (1: narrow, 2: wide), stride and dilation of the blocks behind the skip connection
BLOCKS = ((2, 2, 1), (2, 1, 2), (2, 1, 4), (2, 2, 1), (2, 1, 2), (2, 1, 4))


class InstanceGate(nn.Module):
    """Scale channels by between 0 and 2, as a vector says."""

    def __init__(self, head: int, channels: int) -> None:
        super().__init__()
        self.IA = nn.Linear(head, channels)

    def forward(self, x: Tensor, head: Tensor) -> Tensor:
        """Gate (N, C, h, w) by (N, head)."""
        gate: Tensor = 1 + self.IA(head).tanh()  # (N, C)
        return x * gate[..., None, None]


class ChannelGate(nn.Module):
    """Gated channel transformation: scale channels by their norms, relative to those of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Gate (N, C, h, w)."""
        norm = (x.square().sum((2, 3), keepdim=True) + GATE_EPS).sqrt() * self.alpha  # (N, C, 1, 1)
        relative = norm * self.gamma * torch.rsqrt(norm.square().mean(1, keepdim=True) + GATE_EPS)
        return x * (1 + (relative + self.beta).tanh())


class Block(nn.Module):
    """Bottleneck with a channel gate in front."""

    def __init__(self, channels: int, out_channels: int, stride: int, dilation: int) -> None:
        super().__init__()
        middle = out_channels // 4
        self.GCT1 = ChannelGate(channels)
        self.conv1 = nn.Conv2d(channels, middle, 1, bias=False)
        self.bn1 = group_norm(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = group_norm(middle)
        self.conv3 = nn.Conv2d(middle, out_channels, 1, bias=False)
        self.bn3 = group_norm(out_channels)
        self.downsample = (
            nn.Sequential(nn.Conv2d(channels, out_channels, 1, stride, bias=False), group_norm(out_channels))
            if stride > 1 or channels != out_channels
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Compute (N, out_channels, h / stride, w / stride)."""
        y = F.relu(self.bn1(self.conv1(self.GCT1(x))))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class GatedBranch(nn.Module):
    """A branch of the pyramid: channel gate, 1x1 or dilated 3x3 convolution, norm, ReLU."""

    def __init__(self, channels: int, out_channels: int, dilation: int) -> None:
        super().__init__()
        size, padding = (1, 0) if dilation == 1 else (3, dilation)
        self.GCT = ChannelGate(channels)
        self.atrous_conv = nn.Conv2d(channels, out_channels, size, padding=padding, dilation=dilation, bias=False)
        self.bn = group_norm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Compute one branch."""
        return F.relu(self.bn(self.atrous_conv(self.GCT(x))))


class GatedASPP(nn.Module):
    """Four dilations and the mean of the image, which has no norm."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        branch = width // 2
        self.aspp1 = GatedBranch(channels, branch, 1)
        self.aspp2 = GatedBranch(channels, branch, 6)
        self.aspp3 = GatedBranch(channels, branch, 12)
        self.aspp4 = GatedBranch(channels, branch, 18)
        self.global_avg_pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, branch, 1, bias=False), nn.ReLU()
        )
        self.GCT = ChannelGate(5 * branch)
        self.conv1 = nn.Conv2d(5 * branch, width, 1, bias=False)
        self.bn1 = group_norm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Reduce (N, C, h, w) to `width` channels."""
        pooled = self.global_avg_pool(x).expand(-1, -1, *x.shape[2:])
        x = torch.cat((self.aspp1(x), self.aspp2(x), self.aspp3(x), self.aspp4(x), pooled), 1)
        return F.relu(self.bn1(self.conv1(self.GCT(x))))


class Ensembler(nn.Module):
    """Decode features of stride 4 into the logits of one object; module names are CFBI's.

    Args:
        channels: of the features.
        low_channels: of the backbone's map of stride 4.
        head: length of the vector that describes an object.
        width: narrow width, 256 as published; the wide one is twice that.
    """

    def __init__(self, channels: int, low_channels: int, head: int, width: int) -> None:
        super().__init__()
        wide = 2 * width
        self.IA1 = InstanceGate(head, channels)
        self.layer1 = Block(channels, width, 1, 1)
        self.IA2 = InstanceGate(head, width)
        self.layer2 = Block(width, width, 1, 2)
        inputs = width
        for number, (factor, stride, dilation) in enumerate(BLOCKS, 3):
            self.add_module(f"IA{number}", InstanceGate(head, inputs))
            self.add_module(f"layer{number}", Block(inputs, factor * width, stride, dilation))
            inputs = factor * width
        self.IA9 = InstanceGate(head, wide)
        self.ASPP = GatedASPP(wide, width)
        self.GCT_sc = ChannelGate(low_channels + width)
        self.conv_sc = nn.Conv2d(low_channels + width, width // 4, 1, bias=False)
        self.bn_sc = group_norm(width // 4, GROUPS // 2)
        self.IA10 = InstanceGate(head, width + width // 4)
        self.conv1 = nn.Conv2d(width + width // 4, width // 2, 3, padding=1, bias=False)
        self.bn1 = group_norm(width // 2)
        self.IA11 = InstanceGate(head, width // 2)
        self.conv2 = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False)
        self.bn2 = group_norm(width // 2)
        self.IA_final_fg = nn.Linear(head, width // 2 + 1)
        self.IA_final_bg = nn.Linear(head, width // 2 + 1)

    def forward(self, x: Tensor, low: Tensor, head: Tensor) -> Tensor:
        """Compute logits (N, 1, h, w), one object per image.

        Args:
            x: features (N, channels, h, w).
            low: (N, low_channels, h, w).
            head: (N, head).
        """
        return _apply(self.IA_final_fg(head), self.features(x, low, head))

    def segment_objects(self, x: Tensor, low: Tensor, head: Tensor) -> Tensor:
        """Compute logits (1, objects, h, w) of one image, the background first; `low` is (1, low_channels, h, w).

        The background's grows by the smallest logit of "not this object" of the others.
        """
        features = self.features(x, low.expand(len(x), -1, -1, -1), head)
        logits = _apply(self.IA_final_fg(head), features)  # (objects, 1, h, w)
        if len(logits) > 1:
            background = _apply(self.IA_final_bg(head), features)[1:].amin(0, keepdim=True)
            logits = torch.cat((logits[:1] + background, logits[1:]))
        return logits.transpose(0, 1)

    def features(self, x: Tensor, low: Tensor, head: Tensor) -> Tensor:
        """Compute the maps (N, width / 2, h, w) that are classified."""
        x = self.layer1(self.IA1(x, head))
        x = self.layer2(self.IA2(x, head))  # (N, width, h, w)
        skip = torch.cat((low, x), 1)
        for number in range(3, 3 + len(BLOCKS)):
            gate = self.get_submodule(f"IA{number}")
            x = self.get_submodule(f"layer{number}")(gate(x, head))
        x = self.ASPP(self.IA9(x, head))  # (N, width, h / 4, w / 4)
        x = F.interpolate(x, skip.shape[2:], mode="bicubic", align_corners=True)
        skip = F.relu(self.bn_sc(self.conv_sc(self.GCT_sc(skip))))
        x = self.IA10(torch.cat((x, skip), 1), head)
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(self.IA11(x, head))))


def group_norm(channels: int, groups: int = GROUPS) -> nn.GroupNorm:
    """A norm of the published number of groups, or of pairs of channels where there are fewer channels."""
    return nn.GroupNorm(math.gcd(groups, max(1, channels // 2)), channels)


def _apply(weights: Tensor, features: Tensor) -> Tensor:
    """Classify (N, C, h, w) by the weights and the bias (N, C + 1) of each object: (N, 1, h, w)."""
    logits = torch.einsum("nc,nchw->nhw", weights[:, :-1], features)
    return (logits + weights[:, -1, None, None])[:, None]
