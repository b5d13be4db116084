"""Official XMem weights (`XMem.pth`, and others of the same architecture).

Names and shapes are the same on both sides, so that nothing is renamed; the network's widths are read from the file.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor
from torch.nn import functional as F

from avseg.nn.xmem import XMem
from avseg.utils.errors import UserError
from avseg.utils.weights_file import read_state_dict

MASK_CHANNELS = 5
FIRST_MASK_CONV = "value_encoder.conv1.weight"


def read_xmem(path: Path) -> XMem:
    """Builds the network that a weights file holds; nothing in the file is ever executed.

    Returns:
        the network in eval mode, on the CPU.

    Raises:
        UserError: no such file, a damaged one, or not XMem.
    """
    weights = read_state_dict(path)
    try:
        network = _build(weights)
        load_weights(network, weights)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return network.eval()


def load_weights(network: XMem, state_dict: Mapping[str, Tensor]) -> None:
    """Loads official weights.

    Args:
        network: of the widths of the weights.
        state_dict: official names; a leading `module.` (saved from a parallel model) is taken off. Weights for single
            objects, whose value encoder does not see the other objects' masks, get zeros for that channel.

    Raises:
        UserError: names what is missing, unexpected or of another shape; the network is left unchanged.
    """
    wanted = network.state_dict()
    # counters that torch added to BatchNorm later; they change nothing
    given = {name: tensor for name, tensor in wanted.items() if name.endswith("num_batches_tracked")}
    given |= _plain(state_dict)
    first = given.get(FIRST_MASK_CONV)
    if first is not None and first.ndim == 4 and first.shape[1] == MASK_CHANNELS - 1:
        given[FIRST_MASK_CONV] = F.pad(first, (0, 0, 0, 0, 0, 1))
    _check_fit(wanted, given)
    network.load_state_dict(given)


def _plain(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix("module."): tensor for name, tensor in state_dict.items()}


def _build(state_dict: Mapping[str, Tensor]) -> XMem:
    """A network of the widths and depths that the shapes tell."""
    weights = _plain(state_dict)
    if "key_proj.key_proj.weight" in weights and "decoder.hidden_update.transform.weight" not in weights:
        raise UserError("weights: these are of XMem without sensory memory, which is not supported; take XMem.pth")
    try:
        return XMem(
            key_channels=len(weights["key_proj.key_proj.weight"]),
            value_channels=len(weights["value_encoder.fuser.block2.conv2.weight"]),
            hidden_channels=len(weights["decoder.hidden_update.transform.weight"]) // 3,
            width=len(weights["key_encoder.conv1.weight"]),
            key_blocks=[_blocks(weights, f"key_encoder.{stage}") for stage in ("res2", "layer2", "layer3")],
            value_blocks=[_blocks(weights, f"value_encoder.layer{stage}") for stage in (1, 2, 3)],
        )
    except KeyError as error:
        raise UserError(f"weights: not of XMem ({error} is missing); take XMem.pth") from error


def _blocks(weights: Mapping[str, Tensor], stage: str) -> int:
    found = [re.match(rf"{re.escape(stage)}\.(\d+)\.", name) for name in weights]
    return len({match[1] for match in found if match})


def _check_fit(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    shapes = [
        f"{name} {tuple(given[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in given and given[name].shape != tensor.shape
    ]
    problems = {
        "missing": [name for name in wanted if name not in given],
        "unexpected": [name for name in given if name not in wanted],
        "of another shape": shapes,
    }
    told = [f"{len(names)} {kind} ({', '.join(names[:3])})" for kind, names in problems.items() if names]
    if told:
        raise UserError(
            f"weights: do not fit XMem: {'; '.join(told)}; build the network from the file with `read_xmem`"
        )
