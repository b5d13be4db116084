"""Official names of the encoders of LVS and MSSL, which hold a first convolution for each kind of input.

The image encoder uses `conv1`, the audio encoder `conv1_a`. The others, and the classifier `fc`, are in the files, but
no forward pass reads them: the networks keep them (`UnusedWeights`), and write zeros where there was no import.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from avseg.nn.state_dict import load_exactly, without_parallel_prefix
from avseg.nn.unused_weights import UnusedWeights
from avseg.utils.errors import UserError

# (official, ours), prefixes of a name
Prefixes = tuple[tuple[str, str], ...]
_CLASSES = 1000


class Unused(NamedTuple):
    """Names and shapes of the weights of one encoder that are not used."""

    encoder: str  # official prefix, such as "imgnet."
    shapes: dict[str, tuple[int, ...]]


def unused_weights(encoder: str, width: int, *, audio: bool, flow: bool) -> Unused:
    """Describe what an official encoder holds and does not use; with `flow` also a convolution for optical flow."""
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (width, 3, 7, 7)} if audio else {}
    if not audio:
        shapes["conv1_a.weight"] = (width, 1, 7, 7)
    if flow:
        shapes["conv1_flow.weight"] = (width, 6, 7, 7)
    return Unused(encoder, shapes | {"fc.weight": (_CLASSES, 8 * width), "fc.bias": (_CLASSES,)})


def import_encoders(
    network: nn.Module,
    state_dict: Mapping[str, Tensor],
    prefixes: Prefixes,
    unused: tuple[Unused, ...],
    *,
    subject: str,
    optional: tuple[str, ...] = (),
) -> None:
    """Load an official state dict into a network with `unused`; weights that begin with `optional` may be missing.

    Raises:
        UserError: lists what is missing, unexpected or of another shape; the network is left unchanged.
    """
    skipped = {encoder + name for encoder, shapes in unused for name in shapes}
    weights: dict[str, Tensor] = {}
    official_names: dict[str, str] = {}
    kept: dict[str, Tensor] = {}
    for official_name, tensor in without_parallel_prefix(state_dict).items():
        if official_name in skipped:
            kept[official_name] = tensor.detach().cpu().clone()
            continue
        name = renamed(official_name, prefixes)
        weights[name] = tensor
        official_names[name] = official_name
    expected = {name: tensor for name, tensor in network.state_dict().items() if not name.startswith("unused.")}
    # all of them, or none
    if optional and not any(name.startswith(optional) for name in weights):
        weights |= {name: tensor for name, tensor in expected.items() if name.startswith(optional)}
    storage = _storage(network)
    previous = storage.weights
    storage.weights = {}
    try:
        advice = "give a file of the authors' code with the same width and number of classes"
        load_exactly(network, weights, subject=subject, advice=advice, original_names=official_names)
    except UserError:
        storage.weights = previous
        raise
    storage.weights = kept


def export_encoders(network: nn.Module, prefixes: Prefixes, unused: tuple[Unused, ...]) -> dict[str, Tensor]:
    """Return copies of the weights under the official names, with those that the official code does not use."""
    swapped = tuple((ours, official) for official, ours in prefixes)
    exported: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        if not name.startswith("unused."):
            exported[renamed(name, swapped)] = tensor.detach().clone()
    for encoder, shapes in unused:
        for name, shape in shapes.items():
            stored = _storage(network).weights.get(encoder + name)
            exported[encoder + name] = torch.zeros(shape) if stored is None else stored.clone()
    return exported


def _storage(network: nn.Module) -> UnusedWeights:
    storage = network.unused
    assert isinstance(storage, UnusedWeights)
    return storage


def renamed(name: str, prefixes: Prefixes) -> str:
    """Replace the first prefix that matches."""
    for old, new in prefixes:
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name
