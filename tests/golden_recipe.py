"""The recipe of the golden values: the same weights and inputs on both sides, from names and seeds alone.

It needs no model code, so that losses, metrics and models can all use it.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch.overrides import TorchFunctionMode

GOLDEN = Path(__file__).parent / "golden"


def golden() -> dict[str, torch.Tensor]:
    """All reference tensors of the official AVSBench code."""
    return load_file(GOLDEN / "avsbench.safetensors")


def rng(name: str, seed: int) -> np.random.Generator:
    """The generator of one named array."""
    return np.random.default_rng([zlib.crc32(name.encode()), seed])


def arr(name: str, shape: tuple[int, ...], seed: int, kind: str = "normal") -> torch.Tensor:
    """A float32 input tensor; `kind` is "normal" or "uniform"."""
    generator = rng(name, seed)
    draws = generator.random(shape) if kind == "uniform" else generator.standard_normal(shape)
    return torch.from_numpy(draws.astype(np.float32))


def blob_masks(n: int, h: int, w: int, seed: int) -> torch.Tensor:
    """Float masks (n, h, w), one ellipse each; mask n // 2 is empty."""
    r = rng("masks", seed)
    y, x = np.mgrid[:h, :w]
    masks = np.zeros((n, h, w), np.float32)
    for i in range(n):
        cy, cx = r.uniform(0.25, 0.75) * h, r.uniform(0.25, 0.75) * w
        ry, rx = r.uniform(0.1, 0.35) * h, r.uniform(0.1, 0.35) * w
        masks[i] = ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1
    masks[n // 2] = 0
    return torch.from_numpy(masks)


def _fill(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    r = rng(name, seed)
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.endswith("running_mean"):
        return 0.1 * r.standard_normal(shape)
    if name.endswith("running_var"):
        return 1 + 0.2 * r.random(shape)
    if len(shape) >= 2:
        return r.standard_normal(shape) * np.sqrt(1 / np.prod(shape[1:]))
    if name.endswith("weight"):
        return 1 + 0.1 * r.standard_normal(shape)
    return 0.05 * r.standard_normal(shape)


def fill_official(shapes: Mapping[str, torch.Size | tuple[int, ...]], seed: int) -> dict[str, torch.Tensor]:
    """A state dict under official names, every entry drawn anew from its own name."""
    filled = {}
    for name, shape in shapes.items():
        values = np.asarray(_fill(name, tuple(shape), seed))
        filled[name] = torch.from_numpy(values if values.dtype == np.int64 else values.astype(np.float32))
    return filled


class Undrawn(TorchFunctionMode):
    """Build a network without drawing its weights, which are loaded afterwards: saves seconds for a large one."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func.__name__ in DRAWING:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


DRAWING = {"normal_", "uniform_", "trunc_normal_", "erfinv_", "kaiming_normal_", "kaiming_uniform_", "xavier_uniform_"}


def relative_error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """Compute the norm of the difference relative to that of the expected tensor, which has the same shape."""
    actual = torch.as_tensor(actual).detach()
    assert actual.shape == expected.shape, f"{tuple(actual.shape)} instead of {tuple(expected.shape)}"
    return float((actual.to(expected.dtype) - expected).norm() / expected.norm().clamp(min=1e-30))
