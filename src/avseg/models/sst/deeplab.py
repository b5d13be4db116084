"""DeepLabv3+ as in CFBI, with frozen batch norms: the features that SST starts from."""

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avseg.nn.pretrained import create_encoder

OUTPUT_STRIDE = 16
SHORTCUT = 48
DROPOUT = 0.1


class FrozenNorm(nn.Module):
    """A batch norm whose scale, shift and statistics are constants; everything is a buffer."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, channels: int, eps: float = 1e-5, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.eps = eps
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), value, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, h, w)."""
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        shift = self.bias - self.running_mean * scale
        return x * scale.view(-1, 1, 1) + shift.view(-1, 1, 1)


class AtrousBranch(nn.Module):
    """A 1x1 or dilated 3x3 convolution, norm, ReLU."""

    def __init__(self, channels: int, out_channels: int, dilation: int) -> None:
        super().__init__()
        size, padding = (1, 0) if dilation == 1 else (3, dilation)
        self.atrous_conv = nn.Conv2d(channels, out_channels, size, padding=padding, dilation=dilation, bias=False)
        self.bn = FrozenNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Compute one branch."""
        return F.relu(self.bn(self.atrous_conv(x)))


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: four dilations and the mean of the image."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.aspp1 = AtrousBranch(channels, out_channels, 1)
        self.aspp2 = AtrousBranch(channels, out_channels, 6)
        self.aspp3 = AtrousBranch(channels, out_channels, 12)
        self.aspp4 = AtrousBranch(channels, out_channels, 18)
        self.global_avg_pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, out_channels, 1, bias=False),
            FrozenNorm(out_channels),
            nn.ReLU(),
        )
        self.conv1 = nn.Conv2d(5 * out_channels, out_channels, 1, bias=False)
        self.bn1 = FrozenNorm(out_channels)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        """Reduce (N, C, h, w) to `out_channels`."""
        pooled = self.global_avg_pool(x).expand(-1, -1, *x.shape[2:])
        x = torch.cat((self.aspp1(x), self.aspp2(x), self.aspp3(x), self.aspp4(x), pooled), 1)
        reduced: Tensor = self.dropout(F.relu(self.bn1(self.conv1(x))))
        return reduced


class DeepLabDecoder(nn.Module):
    """Merge the pyramid with the map of stride 4."""

    def __init__(self, low_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(low_channels, SHORTCUT, 1, bias=False)
        self.bn1 = FrozenNorm(SHORTCUT)
        self.last_conv = nn.Sequential(
            nn.Conv2d(channels + SHORTCUT, channels, 3, padding=1, bias=False),
            FrozenNorm(channels),
            nn.ReLU(),
            nn.Identity(),  # keeps the published numbers of the layers
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            FrozenNorm(channels),
            nn.ReLU(),
        )

    def forward(self, x: Tensor, low: Tensor) -> Tensor:
        """Compute (N, channels, h, w) of the size of `low`."""
        x = F.interpolate(x, low.shape[2:], mode="bilinear", align_corners=True)
        merged: Tensor = self.last_conv(torch.cat((x, F.relu(self.bn1(self.conv1(low)))), 1))
        return merged


class DeepLab(nn.Module):
    """A residual network of output stride 16 with a multi-grid in its last stage, ASPP and decoder.

    Args:
        backbone: a residual network of timm.
        channels: width behind the backbone, 256 as published.
        pretrained: ImageNet weights of the backbone, see `avseg.nn.pretrained.create_encoder`.
    """

    def __init__(self, backbone: str, channels: int, pretrained: bool | str) -> None:
        super().__init__()
        self.backbone = timm.create_model(
            backbone,
            features_only=True,
            output_stride=OUTPUT_STRIDE,
            out_indices=(1, 4),
            norm_layer=FrozenNorm,
            zero_init_last=False,  # a frozen scale of 0 would stay
        )
        for number, block in enumerate(self.backbone["layer4"]):
            block.conv2.dilation = block.conv2.padding = (2 ** (number + 1),) * 2  # 2, 4, 8
        if pretrained is not False:
            weights = create_encoder(backbone, pretrained).state_dict()
            self.backbone.load_state_dict({name: weights[name] for name in self.backbone.state_dict()})
        low_channels, deep_channels = self.backbone.feature_info.channels()
        self.low_channels: int = low_channels
        self.aspp = ASPP(deep_channels, channels)
        self.decoder = DeepLabDecoder(low_channels, channels)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Compute features (N, channels, h, w) of images (N, 3, H, W), and the map of stride 4 below them."""
        low, deep = self.backbone(images)
        return self.decoder(self.aspp(deep), low), low
