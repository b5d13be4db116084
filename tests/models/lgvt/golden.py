"""Reference values of the official LGVT code (recipe: `tests.golden_recipe`)."""

import json
from functools import cache

from safetensors.torch import load_file
from torch import Tensor

from avseg.models.lgvt import LGVT
from avseg.models.lgvt.weights import load_official
from tests.golden_recipe import GOLDEN, arr, fill_official

NOISE = (32, 1, 1)
# 384 pixels: batch 1, seed 31; 192 pixels: batch 2, seed 32
EVALUATIONS = {"e384": (384, 1, 31), "e192": (192, 2, 32)}


@cache
def reference() -> dict[str, Tensor]:
    return load_file(GOLDEN / "lgvt.safetensors")


@cache
def keys() -> dict[str, dict[str, list]]:
    return json.loads((GOLDEN / "lgvt_keys.json").read_text())


def energy_weights(seed: int) -> dict[str, Tensor]:
    return fill_official({name: tuple(shape) for name, (shape, _) in keys()["ebm"].items()}, seed)


def generator_shapes(image_size: int = 384) -> dict[str, tuple[int, ...]]:
    """Every trained entry; at 192 pixels the last stage is a single window of 6x6."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (shape, _) in keys()["generator"].items():
        if name.endswith(("attn_mask", "relative_position_index")):
            continue
        if image_size == 192 and name.startswith("encoder.layers.3.") and name.endswith("bias_table"):
            shape = [121, shape[1]]
        shapes[name] = tuple(shape)
    return shapes


def filled_network(image_size: int, seed: int) -> LGVT:
    """A network with the weights of the recipe; the modules that no pass reads are left out."""
    unused = set(keys()["unused_parameters"])
    shapes = {name: shape for name, shape in generator_shapes(image_size).items() if name not in unused}
    network = LGVT(image_size)
    load_official(network, fill_official(shapes, seed) | energy_weights(seed))
    return network.eval()


def noises(name: str, batch: int, seed: int) -> list[Tensor]:
    """Five draws; `name` holds {k}."""
    return [arr(name.format(k=k), (batch, *NOISE), seed) for k in range(5)]
