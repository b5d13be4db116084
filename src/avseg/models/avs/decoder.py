"""The decoder: coarse to fine fusion of the four stage maps into a mask (AVS, ECCV 2022, section 4.2).

Panoptic-FPN and RefineNet style. The official code applies its ReLU in place, so that the residual branch of a
`ResidualUnit` is relu(x), not x. Here that is written out, and nothing is changed in place: the same stage maps can be
decoded with several sounds.
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
        """Refines (N, C, h, w)."""
        rectified = F.relu(x)
        update: Tensor = self.conv2(F.relu(self.conv1(rectified)))
        return rectified + update


class FusionPath(nn.Module):
    """Adds one stage to what comes from the coarser stages, refines, and doubles the size.

    Args:
        channels: channels of all maps.
        coarsest: this path has nothing below it. The official model still carries its unit for a second input, which
            nothing ever uses. It is kept, so that official weights survive import and export, but frozen: parameters
            without gradients would stop distributed training.
    """

    def __init__(self, channels: int, *, coarsest: bool = False) -> None:
        super().__init__()
        self.stage_unit = ResidualUnit(channels).requires_grad_(not coarsest)
        self.refine_unit = ResidualUnit(channels)

    def forward(self, x: Tensor, stage: Tensor | None = None) -> Tensor:
        """Fuses `x` and `stage`, both (N, C, h, w), into (N, C, 2h, 2w)."""
        if stage is not None:
            x = x + self.stage_unit(stage)
        return F.interpolate(self.refine_unit(x), scale_factor=2, mode="bilinear", align_corners=True)


class Decoder(nn.Module):
    """Four fusion paths and the head: stage maps at strides 4 to 32 become logits at the size of the frames.

    Args:
        channels: channels of the stage maps.
        num_classes: logit maps to give, 1 for sounding against the rest.
    """

    def __init__(self, channels: int, num_classes: int = 1) -> None:
        super().__init__()
        self.paths = nn.ModuleList(FusionPath(channels, coarsest=stage == 4) for stage in (1, 2, 3, 4))
        # 128 and 32 at the paper's width of 256; a narrow model would spend nearly all its time in a head of that size
        wide, narrow = max(8, channels // 2), max(8, channels // 8)
        self.head = nn.Sequential(
            nn.Conv2d(channels, wide, 3, padding=1),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            nn.Conv2d(wide, narrow, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(narrow, num_classes, 1),
        )

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Decodes four stage maps.

        Args:
            stages: (N, C, h, w) each, stage 1 (stride 4) first.

        Returns:
            logits (N, K, H, W), four times the size of stage 1.
        """
        x = self.paths[3](stages[3])
        for path, stage in zip(reversed(self.paths[:3]), reversed(stages[:3]), strict=True):
            x = path(x, stage)
        logits: Tensor = self.head(x)
        return logits
