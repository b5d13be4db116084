"""Reference values of the released SST attention, of CFBI's decoder and of the reconstruction (seed 41)."""

import json
from functools import cache

from safetensors.torch import load_file
from torch import Tensor

from tests.golden_recipe import GOLDEN, fill_official

SEED = 41


@cache
def reference() -> dict[str, Tensor]:
    return load_file(GOLDEN / "sst.safetensors")


@cache
def shapes(part: str) -> dict[str, tuple[int, ...]]:
    """Entries of "grid_attention_official" or of "reconstruction"."""
    entries = json.loads((GOLDEN / "sst_keys.json").read_text())[part]
    if part == "reconstruction":
        return {name: tuple(shape) for name, (shape, _) in entries.items()}
    return {name: tuple(shape) for name, shape in entries.items()}


def filled(part: str, prefix: str = "") -> dict[str, Tensor]:
    """The weights of the recipe, of the names that begin with `prefix`, without it."""
    selected = {name.removeprefix(prefix): s for name, s in shapes(part).items() if name.startswith(prefix)}
    return fill_official(selected, SEED)
