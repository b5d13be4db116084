import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from avseg.nn.xmem import XMem, tiny_xmem
from avseg.nn.xmem.weights import load_weights, read_xmem
from avseg.utils.errors import UserError
from tests.golden_recipe import GOLDEN

MASK_CONV = "value_encoder.conv1.weight"


@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_network_is_built_from_the_file(prefix: str, tmp_path: Path) -> None:
    weights = {prefix + name: tensor for name, tensor in tiny_xmem(3).state_dict().items()}
    torch.save(weights, tmp_path / "tiny.pth")
    network = read_xmem(tmp_path / "tiny.pth")
    assert not network.training
    assert (network.key_channels, network.value_channels, network.hidden_channels) == (8, 16, 8)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, weights[prefix + name])


def test_official_names_load_into_the_paper_network() -> None:
    shapes = json.loads((GOLDEN / "xmem_keys.json").read_text())
    with torch.device("meta"):
        network = XMem()
        # old files lack the BatchNorm counters
        load_weights(network, {n: torch.zeros(s) for n, s in shapes.items() if not n.endswith("num_batches_tracked")})


def test_weights_for_single_objects_get_zeros_for_the_other_objects() -> None:
    weights = tiny_xmem(3).state_dict()
    weights[MASK_CONV] = weights[MASK_CONV][:, :4].clone()
    network = tiny_xmem()
    load_weights(network, weights)
    loaded = network.state_dict()[MASK_CONV]
    assert torch.equal(loaded[:, :4], weights[MASK_CONV])
    assert loaded[:, 4].abs().max() == 0


def test_differences_are_listed_and_the_network_is_unchanged() -> None:
    network = tiny_xmem()
    original = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    changed = dict(tiny_xmem(3).state_dict())
    del changed["decoder.pred.bias"]
    changed["decoder.pred.weight"] = torch.zeros(1, 2, 3, 3)
    changed["extra"] = torch.zeros(1)
    with pytest.raises(UserError, match=r"1 missing \(decoder.pred.bias\); 1 unexpected \(extra\); 1 of another shape"):
        load_weights(network, changed)
    assert all(torch.equal(tensor, original[name]) for name, tensor in network.state_dict().items())


def test_files_that_are_not_xmem(tmp_path: Path) -> None:
    weights = tiny_xmem().state_dict()
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    sensory = ("decoder.hidden_update", "value_encoder.hidden_reinforce")
    save_file({n: t for n, t in weights.items() if not n.startswith(sensory)}, tmp_path / "without.safetensors")
    torch.save({"network": XMem}, tmp_path / "code.pth")
    for name, message in {
        "other.safetensors": "other.safetensors: weights: not of XMem.*XMem.pth",
        "without.safetensors": "without sensory memory",
        "code.pth": "more than plain weights",
        "none.pth": "no such weights file",
    }.items():
        with pytest.raises(UserError, match=message) as caught:
            read_xmem(tmp_path / name)
        assert "\n" not in str(caught.value)
