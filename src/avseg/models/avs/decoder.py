"""The decoder: coarse to fine fusion of the four stage maps into a mask (AVS, ECCV 2022, section 4.2).

Panoptic-FPN and RefineNet style. The official code applies its ReLU in place, so that the residual branch of a
`ResidualUnit` is relu(x), not x. Here that is explicit and no operation is in place: the same stage maps can be decoded
with several sounds.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F


class ResidualUnit(nn.Module):
    """relu(x) + conv(relu(conv(relu(x)))), 3x3 convolutions; keeps the shape (N, `channels`, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Refine (N, C, h, w)."""
        rectified = F.relu(x)
        update: Tensor = self.conv2(F.relu(self.conv1(rectified)))
        return rectified + update


class FusionPath(nn.Module):
    """Add one stage to the sum of the coarser stages, refine, and double the size.

    The official model carries a unit for a second input even at the `coarsest` stage, where none comes in. It is kept,
    so that official weights survive import and export, but frozen: parameters without gradients would stop distributed
    training.
    """

    def __init__(self, channels: int, *, coarsest: bool = False) -> None:
        super().__init__()
        self.stage_unit = ResidualUnit(channels).requires_grad_(not coarsest)
        self.refine_unit = ResidualUnit(channels)

    def forward(self, x: Tensor, stage: Tensor | None = None) -> Tensor:
        """Fuse `x` and `stage`, both (N, C, h, w), into (N, C, 2h, 2w)."""
        if stage is not None:
            x = x + self.stage_unit(stage)
        return F.interpolate(self.refine_unit(x), scale_factor=2, mode="bilinear", align_corners=True)


class Decoder(nn.Module):
    """Four fusion paths and the head: stage maps at strides 4 to 32 become logits at the size of the frames."""

    def __init__(self, channels: int, num_classes: int = 1) -> None:
        super().__init__()
        self.paths = nn.ModuleList(FusionPath(channels, coarsest=stage == 4) for stage in (1, 2, 3, 4))
        # 128 and 32 at the paper's width of 256; a narrow model would spend nearly all its time in a head of that size
        wide = max(8, channels // 2)
        narrow = max(8, channels // 8)
        self.head = nn.Sequential(
            nn.Conv2d(channels, wide, 3, padding=1),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            nn.Conv2d(wide, narrow, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(narrow, num_classes, 1),
        )

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Decode four maps (N, C, h, w), stride 4 first, into logits (N, K, H, W), four times as large as the first."""
        x = self.paths[3](stages[3])  # stride 32 in, stride 16 out
        for path, stage in zip(reversed(self.paths[:3]), reversed(stages[:3]), strict=True):
            x = path(x, stage)  # strides 16, 8, 4 in; 8, 4, 2 out
        logits: Tensor = self.head(x)  # (N, K, H, W)
        return logits
