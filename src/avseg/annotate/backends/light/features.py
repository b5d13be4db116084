"""Features of EfficientNet-Lite0 in cells of 4 pixels: strides 4, 8 and 16 side by side."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from avseg.annotate.protocols import Image
from avseg.nn.efficientnet_lite import BACKBONE
from avseg.nn.pretrained import create_encoder

CELL = 4  # pixels
LAST_BLOCKS = (1, 2, 4)  # whose outputs have strides 4, 8 and 16


class CellFeatures:
    """Describe the cells of an image by unit vectors, whose products are similarities."""

    def __init__(self) -> None:
        self.net: Any = create_encoder(BACKBONE, "package").eval()
        statistics = self.net.pretrained_cfg
        self.mean, self.deviation = torch.tensor(statistics["mean"]), torch.tensor(statistics["std"])

    @torch.inference_mode()
    def __call__(self, image: Image) -> Tensor:
        """Return the features of an image (h, w, 3) uint8 with sides divisible by 16: (176, h / 4, w / 4)."""
        pixels = torch.from_numpy(np.ascontiguousarray(image)).float() / 255  # (h, w, 3)
        x = ((pixels - self.mean) / self.deviation).permute(2, 0, 1)[None]  # (1, 3, h, w)
        x = self.net.bn1(self.net.conv_stem(x.contiguous(memory_format=torch.channels_last)))
        maps: list[Tensor] = []
        for number, block in enumerate(self.net.blocks[: LAST_BLOCKS[-1] + 1]):
            x = block(x)
            if number in LAST_BLOCKS:
                maps.append(x)
        cells = (image.shape[0] // CELL, image.shape[1] // CELL)
        units = []
        for level in maps:
            aligned = F.interpolate(level, cells, mode="bilinear", align_corners=False)
            units.append(F.normalize(aligned, dim=1))
        features: Tensor = torch.cat(units, 1)[0].contiguous() / len(units) ** 0.5
        return features
