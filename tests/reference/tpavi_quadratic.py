"""TPAVI as published: the (N, N) attention matrix written out, N = T*H*W positions.

Works on the parameters of a given `avseg.models.TPAVI`, so both forms share them. Autograd goes through it.
"""

import torch
from torch import Tensor

from avseg.models.avs.tpavi import TPAVI


def quadratic_tpavi(block: TPAVI, x: Tensor, audio: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """The block's output (B, C, T, H, W) and aligned audio (B, T, C), for x (B, C, T, H, W) and audio (B, T, 128)."""
    outputs, aligned = [], None
    if block.mode in ("visual", "both"):
        outputs.append(_write(block, x, _attend(block, x, x)))
    if block.mode in ("audio", "both"):
        assert audio is not None
        aligned = block.align_channel(audio)
        keys = aligned.transpose(1, 2)[..., None, None].expand(*x.shape)
        outputs.append(_write(block, x, _attend(block, x, keys)))
    return torch.stack(outputs).mean(0), aligned


def _conv(layer: torch.nn.Linear, x: Tensor) -> Tensor:
    return torch.nn.functional.conv3d(x, layer.weight[..., None, None, None], layer.bias)


def _attend(block: TPAVI, x: Tensor, keys: Tensor) -> Tensor:
    window = 1 if block.scope == "frame" else block.window or x.shape[2]
    parts = [_clip_attend(block, *part) for part in zip(x.split(window, 2), keys.split(window, 2), strict=True)]
    return torch.cat(parts, 2)


def _clip_attend(block: TPAVI, x: Tensor, keys: Tensor) -> Tensor:
    theta, phi, g = (
        _conv(layer, source).flatten(2) for layer, source in ((block.theta, x), (block.phi, keys), (block.g, x))
    )
    attention = theta.transpose(1, 2) @ phi / theta.shape[-1]
    return (attention @ g.transpose(1, 2)).transpose(1, 2).reshape(x.shape[0], -1, *x.shape[2:])


def _write(block: TPAVI, x: Tensor, y: Tensor) -> Tensor:
    update = block.W_z[1](_conv(block.W_z[0], y))
    return block.norm_layer((x + update).permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)
