"""AAVS with the weights and inputs of the golden values (tests/golden/aavs.safetensors, from the authors' code)."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from avseg import weights
from avseg.models.aavs import AAVS
from avseg.models.aavs.weights import CLASS_WEIGHTS, POSITION_INDEX, load_official, to_official
from tests.golden_recipe import GOLDEN, Undrawn, arr, blob_masks, fill_official

SEED = 31
KEY_LIST = Path(weights.__file__).with_name("keys") / "aavs.json"
CLASSES = {"binary": 1, "semantic": 71}


def golden_aavs() -> dict[str, Tensor]:
    """All reference values."""
    return load_file(GOLDEN / "aavs.safetensors")


def official_shapes(form: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a file of the authors."""
    lists = json.loads(KEY_LIST.read_text())
    return {name: tuple(shape) for name, shape in (lists["shared"] | lists[form]).items()}


def official_weights(form: str, built: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of the recipe; what follows from the configuration keeps its value."""
    filled = fill_official(official_shapes(form), SEED)
    for name in filled:
        if name.endswith(POSITION_INDEX) or name == CLASS_WEIGHTS:
            filled[name] = built[name]
    return filled


def official_network(form: str) -> AAVS:
    """The network with these weights, in evaluation mode."""
    with Undrawn():
        network = AAVS(CLASSES[form])
    load_official(network, official_weights(form, to_official(network)))
    return network.eval()


def inputs(frames: int, seed: int = SEED) -> tuple[Tensor, Tensor]:
    """Frames (N, 3, 384, 384) and sounds (N, 128)."""
    return arr("images", (frames, 3, 384, 384), seed), arr("audio", (frames, 128), seed, "uniform")


def labels(form: str, frames: int, seed: int = SEED) -> Tensor:
    """Class indices (N, 384, 384)."""
    masks = blob_masks(frames, 384, 384, seed)
    if form == "semantic":
        masks = masks * torch.tensor([1 + 7 * i % 70 for i in range(frames)])[:, None, None]
    return masks.to(torch.uint8)
