"""Reference values of the official AVSegFormer code (recipe: `tests.golden_recipe`, seed 31)."""

import json
from functools import cache

from safetensors.torch import load_file
from torch import Tensor

from tests.golden_recipe import GOLDEN, fill_official

SEED = 31


@cache
def reference() -> dict[str, Tensor]:
    return load_file(GOLDEN / "avsegformer.safetensors")


def official_shapes(backbone: str) -> dict[str, tuple[int, ...]]:
    """Every entry of the official state dict, in order, VGGish and unused modules included."""
    keys = json.loads((GOLDEN / "avsegformer_keys.json").read_text())[backbone]
    return {name: tuple(shape) for name, (shape, _) in keys.items()}


@cache
def official_weights(backbone: str, *, vggish: bool = True) -> dict[str, Tensor]:
    """The filled state dict; without VGGish, whose 72 million numbers take seconds to draw."""
    shapes = official_shapes(backbone)
    return fill_official({n: s for n, s in shapes.items() if vggish or not n.startswith("vggish.")}, SEED)
