"""Matrix products over pixels by the convolution library, where that is faster than the matrix library.

torch gives `nn.Linear` in float32 to MKL, which uses half of the vector units of other makers' processors; it gives
1x1 convolutions of few pictures to MKL too when it has one thread. All other convolutions go to oneDNN, which uses
the whole processor. A product is a 1x1 convolution: same values up to rounding, and nothing is copied.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# changes nothing in a kernel of one tap, but torch sends every dilated convolution to oneDNN
BY_ONEDNN = 2
ONEDNN = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
# with fewer multiplications the way there costs more than it saves
WORTH = 2**20


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.linear`; x (..., in), weight (out, in), bias (out) to (..., out)."""
    if x.numel() * len(weight) < WORTH or not chooses_kernels(x):
        return F.linear(x, weight, bias)
    pixels = x.reshape(1, 1, -1, x.shape[-1]).permute(0, 3, 1, 2)
    product = F.conv2d(pixels, weight[..., None, None], dilation=BY_ONEDNN)
    values = product.permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))
    # oneDNN would sum the bias's gradient over all rows in one go, with thirty times the rounding
    return values if bias is None else values + bias


def linear_each(x: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
    """Another `linear` for each of n: x (n, rows, in), weights (n, out, in), biases (n, out) to (n, rows, out)."""
    if len(x) == 1:
        return linear(x[0], weights[0], biases[0])[None]
    if len(x) and x[0].numel() * weights.shape[1] >= WORTH and chooses_kernels(x):
        return torch.stack([linear(*each) for each in zip(x, weights, biases, strict=True)])
    return torch.baddbmm(biases[:, None].to(x.dtype), x, weights.to(x.dtype).mT)


class PixelLinear(nn.Linear):
    """`nn.Linear` by `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps (..., in) to (..., out)."""
        return linear(x, self.weight, self.bias)


class PixelConv(nn.Conv2d):
    """A 1x1 convolution, by oneDNN however few pictures there are."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, in, h, w) to (N, out, h, w)."""
        if not chooses_kernels(x):
            return super().forward(x)
        return F.conv2d(x, self.weight, self.bias, dilation=BY_ONEDNN)


def use_fast_products(network: nn.Module) -> None:
    """Lets a network's linear layers and 1x1 convolutions do as above; parameters and their names stay."""
    for module in network.modules():
        if type(module) is nn.Linear:
            module.__class__ = PixelLinear
        elif type(module) is nn.Conv2d and _is_product(module):
            module.__class__ = PixelConv


def _is_product(module: nn.Conv2d) -> bool:
    plain = (module.kernel_size, module.stride, module.padding) == ((1, 1), (1, 1), (0, 0))
    return plain and module.groups == 1


def chooses_kernels(x: Tensor) -> bool:
    """Whether x is one of those whose products and convolutions go faster when they are told how: CPU, float32.

    In 16 bits torch goes to oneDNN by itself; a compiler makes its own choice.
    """
    return (
        ONEDNN
        and not torch.compiler.is_compiling()
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
    )
