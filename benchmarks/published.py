"""The plain form of the published AVS model: the structure of the official code, on the parameters of our model.

Four dilated `nn.Conv2d` in each neck, the quadratic TPAVI, the decoder's steps one by one, attention with an explicit
matrix, `nn.Linear`, and maps in torch's default memory format. In float32 the values are ours up to rounding.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import torch
from tests.reference.tpavi_quadratic import quadratic_tpavi
from torch import Tensor, nn
from torch.nn import functional as F

from avseg.models.avs.decoder import Decoder, ResidualUnit
from avseg.models.avs.neck import Neck
from avseg.models.avs.network import AVSModel
from avseg.models.avs.tpavi import TPAVI
from avseg.nn.cpu_kernels import PixelConv, PixelLinear

PLAIN: dict[type, type[nn.Module]] = {PixelLinear: nn.Linear, PixelConv: nn.Conv2d}


def as_published(model: AVSModel) -> AVSModel:
    """Turn a model into the published form, in place; its parameters stay."""
    model.encode = partial(_encode, model)  # type: ignore[method-assign]
    model.decoder.forward = partial(decoder, model.decoder)  # type: ignore[method-assign]
    for neck_module in model.neck:
        neck_module.forward = partial(neck, cast(Neck, neck_module))
    for block in model.tpavi.values():
        block.forward = partial(quadratic_tpavi, cast(TPAVI, block))
    as_published_encoder(model.backbone)
    return model


def as_published_encoder(network: nn.Module) -> None:
    """Use torch's linear layers and 1x1 convolutions, and attention with an explicit matrix."""
    module: Any
    for module in network.modules():
        if type(module) in PLAIN:
            module.__class__ = PLAIN[type(module)]
        if hasattr(module, "fused_attn"):
            module.fused_attn = False


def neck(module: Neck, x: Tensor) -> Tensor:
    """Sum four dilated convolutions."""
    first, second, third, fourth = module.branches
    return cast(Tensor, first(x) + second(x) + third(x) + fourth(x))


def decoder(module: Decoder, stages: Sequence[Tensor]) -> Tensor:
    """Run the four fusion paths and the head; stages (N, C, h, w), stage 1 first."""
    x = torch.zeros(())
    for number in (4, 3, 2, 1):
        path: Any = module.paths[number - 1]
        x = stages[3] if number == 4 else x + residual_unit(path.stage_unit, stages[number - 1])
        x = residual_unit(path.refine_unit, x)
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
    wide, double, narrow, _, classes = module.head
    x = double(_convolve(wide, x))
    return _convolve(classes, _convolve(narrow, x).relu())


def residual_unit(module: ResidualUnit, x: Tensor) -> Tensor:
    """Compute relu(x) + conv(relu(conv(relu(x))))."""
    x = x.relu()
    return x + _convolve(module.conv2, _convolve(module.conv1, x).relu())


def _convolve(layer: Any, x: Tensor) -> Tensor:
    return F.conv2d(x, layer.weight, layer.bias, padding=layer.padding)


def _encode(model: AVSModel, frames: Tensor) -> list[Tensor]:
    stages = model.backbone(frames.flatten(0, 1))
    maps: list[Any] = [neck_module(stage) for neck_module, stage in zip(model.neck, stages, strict=True)]
    return [stage_map.unflatten(0, frames.shape[:2]) for stage_map in maps]
