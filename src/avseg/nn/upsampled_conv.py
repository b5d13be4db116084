"""A 3x3 convolution of a map that was enlarged four times, without making the enlarged map.

Enlarging mixes pixels, a 1x1 convolution mixes channels: they commute. A 3x3 convolution is nine 1x1 convolutions of
shifted maps; taken on the small map they cost a sixteenth, and what is left, shifting, enlarging and summing, is one
matrix per axis.
"""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from avseg.nn.cpu_kernels import linear, onednn_applies

SCALE = 4
# sides of the small map up to which the two dense matrices are faster than the convolution
LARGEST = 160


def conv_of_upsampled(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Enlarge x (N, I, h, w) four times (bilinear, align_corners False), convolve by (O, I, 3, 3) with padding 1.

    Returns (N, O, 4h, 4w). On a CPU in float32 the enlarged map is not made; the values are equal up to rounding.
    """
    height, width = x.shape[-2:]
    if not onednn_applies(x) or max(height, width) > LARGEST:
        return F.conv2d(
            F.interpolate(x, scale_factor=SCALE, mode="bilinear", align_corners=False), weight, bias, padding=1
        )
    count, channels = len(x), len(weight)
    taps = weight.permute(2, 3, 0, 1).flatten(0, 2)  # (9 O, I), by row tap, column tap and channel
    small = linear(x.permute(0, 2, 3, 1), taps)  # (N, h, w, 9 O)
    small = small.view(count, height, width, 3, 3 * channels).permute(0, 3, 1, 4, 2)  # (N, 3, h, 3 O, w)
    rows = _matrix(height, x.device) @ small.reshape(count, 3 * height, 3 * channels * width)  # (N, 4h, 3 O w)
    rows = rows.view(count, SCALE * height, 3, channels, width).permute(0, 3, 1, 2, 4)  # (N, O, 4h, 3, w)
    # (N O 4h, 3w) times (3w, 4w)
    enlarged = rows.reshape(-1, 3 * width) @ _matrix(width, x.device).T
    enlarged = enlarged.view(count, channels, SCALE * height, SCALE * width)
    return enlarged if bias is None else enlarged + bias[:, None, None]


@lru_cache(maxsize=16)
def _matrix(length: int, device: torch.device) -> Tensor:
    """Return the map from three small axes to the enlarged one, (4n, 3n): enlarge, shift by -1, 0 or 1, sum."""
    with torch.inference_mode(False), torch.no_grad():
        identity = torch.eye(length, device=device)[:, None]  # (n, 1, n)
        enlarge = F.interpolate(identity, scale_factor=SCALE, mode="linear", align_corners=False)[:, 0].T  # (4n, n)
        zero_row = torch.zeros(1, length, device=device)
        previous = torch.cat([zero_row, enlarge[:-1]])  # row y reads the enlarged row y - 1
        following = torch.cat([enlarge[1:], zero_row])
        return torch.cat([previous, enlarge, following], dim=1)
