"""The encoders of XMem: frame to key (query), frame and mask to value (ECCV 2022, section 3.2)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck

from avseg.nn.xmem.blocks import FeatureFusion, gated_update, residual_stage


class KeyEncoder(nn.Module):
    """A ResNet-50 up to stride 16; the key and, by skip connections, the decoder use its features.

    `width` is the number of channels of the first convolution, 64 in the paper.
    """

    def __init__(self, width: int, blocks: Sequence[int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.res2 = residual_stage(Bottleneck, width, width, blocks[0], 1)
        self.layer2 = residual_stage(Bottleneck, 4 * width, 2 * width, blocks[1], 2)
        self.layer3 = residual_stage(Bottleneck, 8 * width, 4 * width, blocks[2], 2)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode (B, 3, H, W) into maps of stride 16, 8 and 4 with 16, 8 and 4 times `width` channels."""
        x = F.relu(self.bn1(self.conv1(frames)))  # stride 2
        f4 = self.res2(F.max_pool2d(x, 3, 2, 1))  # (B, 4 width, 4h, 4w)
        f8 = self.layer2(f4)  # (B, 8 width, 2h, 2w)
        f16 = self.layer3(f8)  # (B, 16 width, h, w)
        return f16, f8, f4


class KeyProjection(nn.Module):
    """Key, shrinkage and selection of every position (section 3.3, equations 4 and 5)."""

    def __init__(self, channels_in: int, key_channels: int) -> None:
        super().__init__()
        self.key_proj = nn.Conv2d(channels_in, key_channels, 3, padding=1)
        self.d_proj = nn.Conv2d(channels_in, 1, 3, padding=1)
        self.e_proj = nn.Conv2d(channels_in, key_channels, 3, padding=1)

    def forward(self, f16: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (B, C, h, w) to key (B, CK, h, w), shrinkage (B, 1, h, w) >= 1, selection (B, CK, h, w) in [0, 1]."""
        return self.key_proj(f16), self.d_proj(f16).square() + 1, torch.sigmoid(self.e_proj(f16))


class HiddenReinforcer(nn.Module):
    """Refresh the sensory memory from a new value: the deep update (section 3.4)."""

    def __init__(self, value_channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.transform = nn.Conv2d(value_channels + hidden_channels, 3 * hidden_channels, 3, padding=1)

    def forward(self, value: Tensor, hidden: Tensor) -> Tensor:
        """Map value (n, CV, h, w) and hidden (n, CH, h, w) to the next hidden (n, CH, h, w)."""
        return gated_update(self.transform(torch.cat([value, hidden], 1)), hidden)


class ValueEncoder(nn.Module):
    """A ResNet-18 up to stride 16 on the frame, an object's mask and the other objects' masks, fused with `f16`."""

    def __init__(self, width: int, blocks: Sequence[int], value_channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(5, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = residual_stage(BasicBlock, width, width, blocks[0], 1)
        self.layer2 = residual_stage(BasicBlock, width, 2 * width, blocks[1], 2)
        self.layer3 = residual_stage(BasicBlock, 2 * width, 4 * width, blocks[2], 2)
        self.fuser = FeatureFusion(16 * width, 4 * width, value_channels)
        self.hidden_reinforce = HiddenReinforcer(value_channels, hidden_channels)

    def forward(self, frame: Tensor, f16: Tensor, masks: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Encode n objects of a frame (1, 3, H, W) by their masks (n, H, W); `f16` is the key encoder's (1, C, h, w).

        Returns:
            value (n, CV, h, w) and the next sensory memory (n, CH, h, w).
        """
        rival_masks = masks.sum(0) - masks  # (n, H, W), the sum of the other objects' masks
        frame_per_object = frame.expand(len(masks), -1, -1, -1)
        x = torch.cat([frame_per_object, masks[:, None], rival_masks[:, None]], 1)  # (n, 5, H, W)
        # pool before the ReLU: a maximum commutes with it, so this is only cheaper
        x = F.relu(F.max_pool2d(self.bn1(self.conv1(x)), 3, 2, 1))  # stride 4
        value = self.fuser(f16, self.layer3(self.layer2(self.layer1(x))))  # (n, CV, h, w)
        return value, self.hidden_reinforce(value, hidden)
