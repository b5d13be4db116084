"""Building blocks of XMem's encoders and decoder: residual stages, residual units, CBAM, fusion, the gated update."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck


def residual_stage(
    block: type[BasicBlock] | type[Bottleneck], channels_in: int, channels: int, blocks: int, stride: int
) -> nn.Sequential:
    """Build one stage of a ResNet with torchvision's names; its output has `channels * block.expansion` channels."""
    channels_out = channels * block.expansion
    shortcut = None
    if stride != 1 or channels_in != channels_out:
        projection = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
        shortcut = nn.Sequential(projection, nn.BatchNorm2d(channels_out))
    stage = nn.Sequential(block(channels_in, channels, stride, shortcut))
    for _ in range(blocks - 1):
        stage.append(block(channels_out, channels))
    return stage


class ResidualUnit(nn.Module):
    """x + conv(relu(conv(relu(x)))), with a convolution on the shortcut where the channels change."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.downsample = nn.Conv2d(channels_in, channels, 3, padding=1) if channels_in != channels else nn.Identity()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, `channels_in`, h, w) to (N, `channels`, h, w)."""
        update: Tensor = self.conv2(F.relu(self.conv1(F.relu(x))))
        shortcut: Tensor = self.downsample(x)
        return update + shortcut


class ChannelGate(nn.Module):
    """CBAM, section 3.1: weights of the channels, from their mean and their maximum."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        inner = max(channels // reduction, 1)
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(channels, inner), nn.ReLU(), nn.Linear(inner, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Weight the channels of (N, C, h, w)."""
        gate = self.mlp(F.adaptive_avg_pool2d(x, 1)) + self.mlp(F.adaptive_max_pool2d(x, 1))  # (N, C)
        return x * torch.sigmoid(gate)[..., None, None]


class SpatialGate(nn.Module):
    """CBAM, section 3.2: weights of the positions, from the maximum and the mean over channels."""

    def __init__(self) -> None:
        super().__init__()
        # in a ModuleDict, so that the weight has its official name, spatial.conv
        self.spatial = nn.ModuleDict({"conv": nn.Conv2d(2, 1, 7, padding=3)})

    def forward(self, x: Tensor) -> Tensor:
        """Weight the positions of (N, C, h, w)."""
        pooled = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)  # (N, 2, h, w)
        return x * torch.sigmoid(self.spatial["conv"](pooled))


class CBAM(nn.Module):
    """Convolutional block attention module (ECCV 2018): the channel gate, then the spatial gate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ChannelGate = ChannelGate(channels)
        self.SpatialGate = SpatialGate()

    def forward(self, x: Tensor) -> Tensor:
        """Weight (N, C, h, w)."""
        gated: Tensor = self.SpatialGate(self.ChannelGate(x))
        return gated


class FeatureFusion(nn.Module):
    """Fuse the features of a frame, the same for all objects, with those of each object (XMem, section 3.2)."""

    def __init__(self, frame_channels: int, object_channels: int, channels: int) -> None:
        super().__init__()
        self.block1 = ResidualUnit(frame_channels + object_channels, channels)
        self.attention = CBAM(channels)
        self.block2 = ResidualUnit(channels, channels)

    def forward(self, frame: Tensor, objects: Tensor) -> Tensor:
        """Fuse `frame` (1, C, h, w) and `objects` (n, C', h, w) into (n, `channels`, h, w)."""
        frame_per_object = frame.expand(len(objects), -1, -1, -1)  # (n, C, h, w)
        x = self.block1(torch.cat([frame_per_object, objects], 1))
        fused: Tensor = self.block2(x + self.attention(x))  # (n, channels, h, w)
        return fused


class Upsample(nn.Module):
    """Double the size of the objects' maps and add the frame's finer features."""

    def __init__(self, frame_channels: int, channels_in: int, channels: int) -> None:
        super().__init__()
        self.skip_conv = nn.Conv2d(frame_channels, channels_in, 3, padding=1)
        self.out_conv = ResidualUnit(channels_in, channels)

    def forward(self, frame: Tensor, objects: Tensor) -> Tensor:
        """Fuse `frame` (1, C, 2h, 2w) and `objects` (n, C', h, w) into (n, `channels`, 2h, 2w)."""
        upsampled = F.interpolate(objects, scale_factor=2, mode="bilinear", align_corners=False)  # (n, C', 2h, 2w)
        refined: Tensor = self.out_conv(self.skip_conv(frame) + upsampled)
        return refined


def gated_update(gates: Tensor, hidden: Tensor) -> Tensor:
    """Update the sensory memory h (n, CH, h, w): h' = forget * h * (1 - update) + update * candidate.

    The gates (n, 3 CH, h, w) are forget, update and candidate, before their sigmoid, sigmoid and tanh. The published
    weights were trained with this form, in which two gates act on the old state; a usual GRU has one.
    """
    forget, update, candidate = gates.chunk(3, 1)  # (n, CH, h, w) each
    update = torch.sigmoid(update)
    return torch.sigmoid(forget) * hidden * (1 - update) + update * torch.tanh(candidate)
