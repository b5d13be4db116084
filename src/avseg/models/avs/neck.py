"""The neck after each encoder stage: dilated convolutions added up ("ASPP-like"; AVS, ECCV 2022, section 4.2).

A dilation that is not smaller than the map puts every tap but the centre outside of it: such a convolution is a product
with the centre taps, and several of them are one product with the sum of their centre taps.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avseg.nn.cpu_kernels import linear, onednn_applies

DILATIONS = (3, 6, 12, 18)


class Neck(nn.Module):
    """Sum of four dilated 3x3 convolutions without norm or activation; weights start from N(0, 0.01) as officially."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(channels_in, channels, 3, padding=dilation, dilation=dilation) for dilation in DILATIONS
        )
        for name, parameter in self.branches.named_parameters():
            if name.endswith("weight"):
                nn.init.normal_(parameter, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, `channels_in`, h, w) to (N, `channels`, h, w)."""
        weights = self._branch_tensors("weight")
        bias = torch.stack(self._branch_tensors("bias")).sum(0)
        if onednn_applies(x):
            x = x.contiguous(memory_format=torch.channels_last)
        # the first `dilated` branches have taps inside the map, the rest only their centre
        dilated = sum(dilation < max(x.shape[-2:]) for dilation in DILATIONS)
        if not dilated:
            return _centre_conv(x, weights, bias)
        convolve = _DilatedSum.apply if onednn_applies(x) else _dilated_sum
        total: Tensor = convolve(x, DILATIONS[:dilated], bias, *weights[:dilated])  # (N, channels, h, w)
        return total if dilated == len(weights) else _centre_conv(x, weights[dilated:]).add_(total)

    def _branch_tensors(self, name: str) -> list[Tensor]:
        # by attribute: a pruned weight is a plain tensor, not an nn.Parameter
        return [getattr(branch, name) for branch in self.branches]


def _centre_conv(x: Tensor, weights: Sequence[Tensor], bias: Tensor | None = None) -> Tensor:
    """Sum the convolutions of which only the centre tap is inside the map: one 1x1 convolution."""
    centre = torch.stack([weight[:, :, 1, 1] for weight in weights]).sum(0)  # (channels, channels_in)
    if onednn_applies(x):
        return linear(x.permute(0, 2, 3, 1), centre, bias).permute(0, 3, 1, 2)
    return F.conv2d(x, centre[..., None, None], bias)


def _dilated_sum(x: Tensor, dilations: Sequence[int], bias: Tensor, *weights: Tensor) -> Tensor:
    total = F.conv2d(x, weights[0], bias, padding=dilations[0], dilation=dilations[0])
    for weight, dilation in zip(weights[1:], dilations[1:], strict=True):
        total = F.conv2d(x, weight, padding=dilation, dilation=dilation).add_(total)
    return total


class _DilatedSum(torch.autograd.Function):
    """`_dilated_sum` on a CPU, where each pass has its own best memory format.

    oneDNN skips the taps outside of the map for channels-last values and gradients by x, but not for gradients by the
    weights, which are faster in the contiguous format.
    """

    @staticmethod
    def forward(x: Tensor, dilations: Sequence[int], bias: Tensor, *weights: Tensor) -> Tensor:
        return _dilated_sum(x, dilations, bias, *weights)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, ctx.dilations, _, *weights = inputs
        ctx.save_for_backward(x, *weights)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, *weights = ctx.saved_tensors
        x_gradient = None
        if ctx.needs_input_grad[0]:
            last = gradient.contiguous(memory_format=torch.channels_last)
            for weight, dilation in zip(weights, ctx.dilations, strict=True):
                term = _conv_backward(last, x, weight, dilation, by_weight=False)
                x_gradient = term if x_gradient is None else x_gradient.add_(term)
        x = x.contiguous()
        gradient = gradient.contiguous()
        weight_gradients: list[Tensor | None] = []
        for weight, dilation, needed in zip(weights, ctx.dilations, ctx.needs_input_grad[3:], strict=True):
            weight_gradients.append(_conv_backward(gradient, x, weight, dilation, by_weight=True) if needed else None)
        bias_gradient = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
        return x_gradient, None, bias_gradient, *weight_gradients


def _conv_backward(gradient: Tensor, x: Tensor, weight: Tensor, dilation: int, *, by_weight: bool) -> Tensor:
    """Compute the gradient of a dilated 3x3 convolution by its weight, or by x."""
    # padding equals the dilation; stride 1, not transposed, output padding 0, one group
    sides = [dilation, dilation]
    gradients = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, [1, 1], sides, sides, False, [0, 0], 1, [not by_weight, by_weight, False]
    )
    selected: Tensor = gradients[1] if by_weight else gradients[0]
    return selected
