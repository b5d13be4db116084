"""The visual encoder: any timm backbone with maps at strides 4, 8, 16 and 32."""

from typing import Any

import torch
from torch import Tensor, nn

from avseg.nn.normalise import IMAGENET_MEAN, IMAGENET_STD
from avseg.nn.pretrained import create_encoder
from avseg.utils.errors import UserError

STRIDES = (4, 8, 16, 32)


class Backbone(nn.Module):
    """A timm backbone reduced to its four stage maps.

    Args:
        name: a timm model, e.g. "resnet50", "pvt_v2_b5", "tf_efficientnet_lite0".
        pretrained: False; True (timm's hub, or a file in the cache folder); "package" (weights inside an installed
            Python package); or the path of a weights file (.pth, .pt, .safetensors).

    Raises:
        UserError: the name is unknown, the backbone lacks these strides, or its weights are not available.
    """

    net: Any
    scale: Tensor | None
    shift: Tensor | None

    def __init__(self, name: str, pretrained: bool | str = False) -> None:
        super().__init__()
        self.name = name
        self.net = create_encoder(name, pretrained)
        strides = self.net.feature_info.reduction()
        if not set(STRIDES) <= set(strides):
            raise UserError(
                f"backbone: '{name}' has maps at strides {strides}, but 4, 8, 16 and 32 are needed; "
                "choose a backbone with stages, such as resnet50 or pvt_v2_b5"
            )
        # if a stride occurs twice, take the later, deeper map
        index_of = {stride: index for index, stride in enumerate(strides)}
        self.indices = [index_of[stride] for stride in STRIDES]
        self.channels: list[int] = [self.net.feature_info.channels()[index] for index in self.indices]
        self.channels_last = str(getattr(self.net, "output_fmt", "NCHW")).endswith("NHWC")
        self._match_normalisation()

    def _match_normalisation(self) -> None:
        """Store the conversion from ImageNet's mean and deviation to those of the weights (some have 0.5 and 0.5)."""
        config = self.net.pretrained_cfg
        mean = config.get("mean", IMAGENET_MEAN)
        std = config.get("std", IMAGENET_STD)
        scale = shift = None
        # (x * std_imagenet + mean_imagenet - mean) / std = x * scale + shift
        if tuple(mean) != IMAGENET_MEAN or tuple(std) != IMAGENET_STD:
            scale = (torch.tensor(IMAGENET_STD) / torch.tensor(std)).view(3, 1, 1)
            shift = ((torch.tensor(IMAGENET_MEAN) - torch.tensor(mean)) / torch.tensor(std)).view(3, 1, 1)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("shift", shift, persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Encode (N, 3, H, W), normalised as by `normalise`, into four maps (N, C, h, w), stride 4 first."""
        if self.scale is not None and self.shift is not None:
            images = images * self.scale + self.shift
        maps = self.net(images)
        stages: list[Tensor] = []
        for index in self.indices:
            # Swin and its relatives return (N, h, w, C)
            stages.append(maps[index].permute(0, 3, 1, 2) if self.channels_last else maps[index])
        return stages
