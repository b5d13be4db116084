"""Official LGVT weights, in both directions.

They come in two files: the generator's, and the energy's next to it. `load_official` takes either of them, or both in
one. The generator's also holds modules that no forward pass reads (a quarter of its numbers), which the network keeps,
and tables of the attention, which are computed here: dropped on import, written on export.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from avseg.models.lgvt.encoder import attention_buffers
from avseg.models.lgvt.network import LGVT
from avseg.nn.official_backbone import rename
from avseg.nn.state_dict import load_exactly, without_parallel_prefix

ENERGY = "ebm."
_UNUSED = re.compile(r"racb_5\.|layer5\.|conv_depth\.|sal_dec\.conv54321\.")
_TABLES = re.compile(r"encoder\..*\.(attn_mask|relative_position_index)")
_DOWNSAMPLE = re.compile(r"encoder\.layers\.(\d)\.downsample\.")
_STEPS = ("54", "543", "5432", "54321")
_RCAB = (
    ("body.0.", "conv1."),
    ("body.2.", "conv2."),
    ("body.3.conv_du.", "gate."),
)


def _prefixes() -> list[tuple[str, str]]:
    """List prefixes (official, ours)."""
    prefixes = [("sal_dec.clc_layer.conv2d_list.", "decoder.classify.branches."), (ENERGY, "energy.layers.")]
    for number, step in enumerate(_STEPS):
        for official, ours in _RCAB:
            prefixes.append((f"sal_dec.racb{step}.{official}", f"decoder.refine.{number}.{ours}"))
        prefixes.append((f"sal_dec.conv{step}.conv2d_list.", f"decoder.merge.{number}.branches."))
    for number in range(5):
        prefixes.append((f"conv{number + 1}.conv_bn.0.", f"reduce.{number}.conv."))
        prefixes.append((f"conv{number + 1}.conv_bn.1.", f"reduce.{number}.norm."))
    return prefixes


def load_official(network: LGVT, state_dict: Mapping[str, Tensor]) -> None:
    """Load an official state dict: of the generator, of the energy (`ebm.0.weight`, ...), or of both.

    Raises:
        UserError: lists what is missing, unexpected or of another shape; the network is left unchanged.
    """
    weights: dict[str, Tensor] = {}
    unused: dict[str, Tensor] = {}
    official_names: dict[str, str] = {}
    for official_name, tensor in without_parallel_prefix(state_dict).items():
        if _TABLES.fullmatch(official_name):
            continue
        if _UNUSED.match(official_name):
            unused[official_name] = tensor.detach().cpu()
            continue
        name = rename(_shift_downsample(official_name, 1), _prefixes())
        official_names[name] = official_name
        weights[name] = tensor
    holds_energy = any(name.startswith("energy.") for name in weights)
    holds_generator = not holds_energy or any(not name.startswith("energy.") for name in weights)
    for name, tensor in network.state_dict().items():
        is_energy = name.startswith("energy.")
        if name.startswith("unused.") or not (holds_energy if is_energy else holds_generator):
            weights[name] = tensor  # stays as it is
    advice = "give the files _gen.pth and _ebm.pth of the conference version, for images of this size"
    load_exactly(network, weights, subject="LGVT", advice=advice, original_names=official_names)
    if holds_generator:
        network.unused.weights = unused


def to_official(network: LGVT) -> dict[str, Tensor]:
    """Return copies of the weights under the official names; those of the energy begin with `ebm.`.

    Modules that the official code does not use are as in the file that was loaded, else zeros.
    """
    prefixes = [(ours, official) for official, ours in _prefixes()]
    exported: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        if not name.startswith("unused."):
            exported[_shift_downsample(rename(name, prefixes), -1)] = tensor.detach().clone()
    for name, tensor in attention_buffers(network.encoder.layers).items():
        exported[f"encoder.layers.{name}"] = tensor.clone()
    for name, shape in _unused_shapes(network).items():
        exported[name] = network.unused.weights.get(name, torch.zeros(shape)).clone()
    return exported


def _shift_downsample(name: str, step: int) -> str:
    """Move a patch merging: the official code has it behind a stage, timm before the next one."""
    match = _DOWNSAMPLE.match(name)
    if match is None:
        return name
    return f"encoder.layers.{int(match[1]) + step}.downsample.{name[match.end() :]}"


def _unused_shapes(network: LGVT) -> dict[str, tuple[int, ...]]:
    width = network.noise
    modules: list[tuple[str, nn.Module]] = []
    with torch.device("meta"):
        wide = 40 * width
        modules.append(("racb_5.body.0", nn.Conv2d(wide, wide, 3)))
        modules.append(("racb_5.body.2", nn.Conv2d(wide, wide, 3)))
        modules.append(("racb_5.body.3.conv_du.0", nn.Conv2d(wide, wide // 16, 1)))
        modules.append(("racb_5.body.3.conv_du.2", nn.Conv2d(wide // 16, wide, 1)))
        modules.append(("conv_depth", nn.Conv2d(6, 3, 1)))
        for branch in range(4):
            modules.append((f"layer5.conv2d_list.{branch}", nn.Conv2d(2 * width, 1, 3)))
            modules.append((f"sal_dec.conv54321.conv2d_list.{branch}", nn.Conv2d(5 * width, width, 3)))
    shapes: dict[str, tuple[int, ...]] = {}
    for name, module in modules:
        for key, tensor in module.state_dict().items():
            shapes[f"{name}.{key}"] = tuple(tensor.shape)
    return shapes
