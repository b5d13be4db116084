"""The neck after each encoder stage: dilated convolutions added up ("ASPP-like"; AVS, ECCV 2022, section 4.2).

A dilation that is not smaller than the map reaches beyond it with every tap but the centre's: such a convolution is a
product with the centre taps, and several of them are one product with the sum of their centre taps.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avseg.nn.cpu_kernels import chooses_kernels, linear

DILATIONS = (3, 6, 12, 18)


class Neck(nn.Module):
    """Sum of four dilated 3x3 convolutions; no norm, no activation.

    Maps (N, `channels_in`, h, w) to (N, `channels`, h, w). Weights start from N(0, 0.01), as in the official code.

    Args:
        channels_in: channels of the encoder stage.
        channels: channels of the decoder.
    """

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(channels_in, channels, 3, padding=dilation, dilation=dilation) for dilation in DILATIONS
        )
        for name, parameter in self.branches.named_parameters():
            if name.endswith("weight"):
                nn.init.normal_(parameter, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, `channels_in`, h, w) to (N, `channels`, h, w)."""
        weights, bias = self._each("weight"), torch.stack(self._each("bias")).sum(0)
        if chooses_kernels(x):
            x = x.contiguous(memory_format=torch.channels_last)
        reaching = sum(dilation < max(x.shape[-2:]) for dilation in DILATIONS)
        if not reaching:
            return _centre(x, weights, bias)
        convolve = _DilatedSum.apply if chooses_kernels(x) else _dilated_sum
        total: Tensor = convolve(x, DILATIONS[:reaching], bias, *weights[:reaching])
        return total if reaching == len(weights) else _centre(x, weights[reaching:]).add_(total)

    def _each(self, name: str) -> list[Tensor]:
        return [getattr(branch, name) for branch in self.branches]  # pruned, it is no parameter


def _centre(x: Tensor, weights: Sequence[Tensor], bias: Tensor | None = None) -> Tensor:
    """The convolutions that do not reach beyond a pixel."""
    centre = torch.stack([weight[:, :, 1, 1] for weight in weights]).sum(0)
    if chooses_kernels(x):
        return linear(x.permute(0, 2, 3, 1), centre, bias).permute(0, 3, 1, 2)
    return F.conv2d(x, centre[..., None, None], bias)


def _dilated_sum(x: Tensor, dilations: Sequence[int], bias: Tensor, *weights: Tensor) -> Tensor:
    total = F.conv2d(x, weights[0], bias, padding=dilations[0], dilation=dilations[0])
    for weight, dilation in zip(weights[1:], dilations[1:], strict=True):
        total = F.conv2d(x, weight, padding=dilation, dilation=dilation).add_(total)
    return total


class _DilatedSum(torch.autograd.Function):
    """`_dilated_sum` on a CPU, where each pass has its own best order in memory.

    Channels-last convolutions leave out the taps beyond the border, but only those of values and of gradients by x.
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
        by_x = None
        if ctx.needs_input_grad[0]:
            last = gradient.contiguous(memory_format=torch.channels_last)
            parts = (_backward(last, x, w, d, (True, False)) for w, d in zip(weights, ctx.dilations, strict=True))
            by_x = next(parts)
            for part in parts:
                by_x += part
        x, gradient = x.contiguous(), gradient.contiguous()
        by_weights = (
            _backward(gradient, x, w, d, (False, True)) if needed else None
            for w, d, needed in zip(weights, ctx.dilations, ctx.needs_input_grad[3:], strict=True)
        )
        by_bias = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
        return by_x, None, by_bias, *by_weights


def _backward(gradient: Tensor, x: Tensor, weight: Tensor, dilation: int, wanted: tuple[bool, bool]) -> Tensor:
    """The gradient by x or by the weight."""
    reach, none = [dilation, dilation], [0, 0]
    both = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, [1, 1], reach, reach, False, none, 1, [*wanted, False]
    )
    found: Tensor = both[0] if wanted[0] else both[1]
    return found
