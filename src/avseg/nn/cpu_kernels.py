"""Dispatch pixel-wise linear layers to oneDNN 1x1 convolutions on CPU, where they beat MKL's matrix products.

torch runs `nn.Linear` in float32 with MKL, which uses half of the vector units of other makers' processors; with one
thread it also runs 1x1 convolutions of few images with MKL. All other convolutions go to oneDNN, which uses the whole
processor. A linear layer is a 1x1 convolution: same values up to rounding, and nothing is copied.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# no effect on a kernel of one tap, but torch sends every dilated convolution to oneDNN
ONEDNN_DILATION = 2
# below this number of multiply-adds the dispatch costs more than it saves
MIN_MACS = 2**20
ONEDNN = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def onednn_applies(x: Tensor) -> bool:
    """True if the oneDNN fast path applies: CPU, float32, no autocast, not compiling.

    torch already runs 16-bit products with oneDNN; a compiler chooses its own kernels.
    """
    return (
        ONEDNN
        and not torch.compiler.is_compiling()
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
    )


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute `F.linear`: x (..., in), weight (out, in), bias (out) to (..., out)."""
    if x.numel() * len(weight) < MIN_MACS or not onednn_applies(x):
        return F.linear(x, weight, bias)
    pixels = x.reshape(1, 1, -1, x.shape[-1]).permute(0, 3, 1, 2)  # (1, in, 1, pixels), channels last
    # oneDNN would sum the bias's gradient over all rows at once, with thirty times the rounding error
    fused = bias if bias is not None and not (torch.is_grad_enabled() and bias.requires_grad) else None
    product = F.conv2d(pixels, weight[..., None, None], fused, dilation=ONEDNN_DILATION)  # (1, out, 1, pixels)
    values = product.permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))
    return values if bias is None or fused is not None else values + bias


def batched_linear(x: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
    """Apply one `linear` per batch item: x (n, rows, in), weights (n, out, in), biases (n, out) to (n, rows, out)."""
    if len(x) == 1:
        return linear(x[0], weights[0], biases[0])[None]
    if len(x) and x[0].numel() * weights.shape[1] >= MIN_MACS and onednn_applies(x):
        return torch.stack([linear(*item) for item in zip(x, weights, biases, strict=True)])
    return torch.baddbmm(biases[:, None].to(x.dtype), x, weights.to(x.dtype).mT)


class PixelLinear(nn.Linear):
    """`nn.Linear` computed by `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in) to (..., out)."""
        return linear(x, self.weight, self.bias)


class PixelConv(nn.Conv2d):
    """A 1x1 convolution that runs with oneDNN for any number of images."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, h, w) to (N, out, h, w)."""
        if not onednn_applies(x):
            return super().forward(x)
        return F.conv2d(x, self.weight, self.bias, dilation=ONEDNN_DILATION)


def use_fast_products(network: nn.Module) -> None:
    """Replace a network's linear layers and 1x1 convolutions by the classes above; parameters and names stay."""
    for module in network.modules():
        if type(module) is nn.Linear:
            module.__class__ = PixelLinear
        elif type(module) is nn.Conv2d and _is_pointwise(module):
            module.__class__ = PixelConv


def _is_pointwise(module: nn.Conv2d) -> bool:
    plain = (module.kernel_size, module.stride, module.padding) == ((1, 1), (1, 1), (0, 0))
    return plain and module.groups == 1
