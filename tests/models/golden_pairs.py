"""Inputs of the reference values of LVS and MSSL, whose recipes are alike."""

import json
from functools import cache

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.golden_recipe import GOLDEN, arr, fill_official, relative_error, rng

SEEDS = {"lvs": 31, "mssl": 41}


@cache
def reference(model: str) -> dict[str, Tensor]:
    return load_file(GOLDEN / f"{model}.safetensors")


@cache
def official_weights(model: str) -> dict[str, Tensor]:
    """Every entry of the official state dict, filled."""
    keys = json.loads((GOLDEN / f"{model}_keys.json").read_text())
    return fill_official({name: tuple(shape) for name, (shape, _) in keys.items()}, SEEDS[model])


def images(name: str, count: int, size: int, seed: int) -> Tensor:
    coarse = arr(f"{name}_coarse", (count, 3, size // 32, size // 32), seed)
    return 0.5 * arr(name, (count, 3, size, size), seed) + 1.5 * enlarged(coarse, 32)


def enlarged(tensor: Tensor, factor: int) -> Tensor:
    return tensor.repeat_interleave(factor, -2).repeat_interleave(factor, -1)


def picture(name: str, size: tuple[int, int], cells: tuple[int, int], factor: int, seed: int) -> np.ndarray:
    """A uint8 RGB picture (h, w, 3) of noise over coarse cells."""
    fine = np.floor(256 * rng(name, seed).random((*size, 3)))
    coarse = np.floor(256 * rng(f"{name}_low", seed).random((*cells, 3))).repeat(factor, 0).repeat(factor, 1)
    return ((fine + 3 * coarse[: size[0], : size[1]]) // 4).astype(np.uint8)


def check(values: dict[str, Tensor], model: str, prefix: str, tolerance: float = 1e-5) -> None:
    """Compare values with the reference values `PREFIX.NAME`; all names are compared before the first failure."""
    errors: dict[str, float] = {}
    for name, value in values.items():
        expected = reference(model)[f"{prefix}.{name}"]
        assert value.shape == expected.shape, name
        errors[name] = relative_error(value, expected)
    wrong = {name: value for name, value in errors.items() if not value < tolerance}
    assert not wrong, wrong


def gradients(network: torch.nn.Module, model: str, prefix: str, names: dict[str, str]) -> dict[str, Tensor]:
    """Norms of the gradients that the reference has, by official name; `names` gives ours."""
    parameters = dict(network.named_parameters())
    norms: dict[str, Tensor] = {}
    for key in reference(model):
        if key.startswith(f"{prefix}.grad_norm."):
            official = key.removeprefix(f"{prefix}.grad_norm.")
            gradient = parameters[names[official]].grad
            assert gradient is not None
            norms[f"grad_norm.{official}"] = gradient.norm()
    return norms


def statistics(network: torch.nn.Module, model: str, prefix: str, names: dict[str, str]) -> dict[str, Tensor]:
    """The batch norm buffers that the reference has, by official name."""
    state = network.state_dict()
    values: dict[str, Tensor] = {}
    for key in reference(model):
        if key.startswith(f"{prefix}.stat."):
            official = key.removeprefix(f"{prefix}.stat.")
            values[f"stat.{official}"] = state[names[official]]
    return values
