"""Official XMem weights (`XMem.pth`, and others of the same architecture).

Names and shapes are the same on both sides; the network's widths are read from the file.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor
from torch.nn import functional as F

from avseg.nn.state_dict import load_exactly, without_parallel_prefix
from avseg.nn.xmem.network import XMem
from avseg.utils.errors import UserError
from avseg.utils.weights_file import read_state_dict

MASK_CHANNELS = 5
FIRST_MASK_CONV = "value_encoder.conv1.weight"


def read_xmem(path: Path) -> XMem:
    """Build the network of a weights file, in eval mode on the CPU; code in the file is never executed.

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
    """Load official weights; a `UserError` lists what does not fit and leaves the network unchanged.

    A leading `module.` (saved from a parallel model) is removed. Weights for single objects, whose value encoder has no
    channel for the other objects' masks, get zeros for that channel.
    """
    weights = without_parallel_prefix(state_dict)
    first = weights.get(FIRST_MASK_CONV)
    if first is not None and first.ndim == 4 and first.shape[1] == MASK_CHANNELS - 1:
        weights[FIRST_MASK_CONV] = F.pad(first, (0, 0, 0, 0, 0, 1))
    load_exactly(network, weights, subject="XMem", advice="build the network from the file with `read_xmem`")


def _build(state_dict: Mapping[str, Tensor]) -> XMem:
    """Build a network with the widths and depths of the weights."""
    weights = without_parallel_prefix(state_dict)
    if "key_proj.key_proj.weight" in weights and "decoder.hidden_update.transform.weight" not in weights:
        raise UserError("weights: XMem without sensory memory is not supported; use XMem.pth")
    try:
        return XMem(
            key_channels=len(weights["key_proj.key_proj.weight"]),
            value_channels=len(weights["value_encoder.fuser.block2.conv2.weight"]),
            hidden_channels=len(weights["decoder.hidden_update.transform.weight"]) // 3,
            width=len(weights["key_encoder.conv1.weight"]),
            key_blocks=_blocks(weights, "key_encoder.res2", "key_encoder.layer2", "key_encoder.layer3"),
            value_blocks=_blocks(weights, "value_encoder.layer1", "value_encoder.layer2", "value_encoder.layer3"),
        )
    except KeyError as error:
        raise UserError(f"weights: not of XMem ({error} is missing); use XMem.pth") from error


def _blocks(weights: Mapping[str, Tensor], *stages: str) -> list[int]:
    """Count the residual blocks of each stage."""
    counts: list[int] = []
    for stage in stages:
        pattern = re.compile(rf"{re.escape(stage)}\.(\d+)\.")
        counts.append(len({match[1] for match in map(pattern.match, weights) if match}))
    return counts
