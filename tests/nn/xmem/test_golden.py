import json

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from avseg.nn.xmem import MemorySettings, Propagator, XMem
from tests.golden_recipe import GOLDEN, fill_official
from tests.nn.xmem.discs import moving_discs

SETTINGS = MemorySettings(
    mem_every=2, min_mid_term_frames=2, max_mid_term_frames=4, num_prototypes=16, max_long_term_elements=64
)


@pytest.fixture(scope="module")
def reference() -> dict[str, Tensor]:
    return load_file(GOLDEN / "xmem.safetensors")


@pytest.fixture(scope="module")
def network() -> XMem:
    with torch.device("meta"):
        network = XMem()
    shapes = json.loads((GOLDEN / "xmem_keys.json").read_text())
    network.load_state_dict(fill_official(shapes, 21), assign=True)
    return network.eval()


def test_names_and_shapes_are_the_official_ones() -> None:
    with torch.device("meta"):
        network = XMem()
    official = json.loads((GOLDEN / "xmem_keys.json").read_text())
    assert {name: list(tensor.shape) for name, tensor in network.state_dict().items()} == official
    assert sum(parameter.numel() for parameter in network.parameters()) == 62_185_224


def test_key_equals_the_official(network: XMem, reference: dict[str, Tensor]) -> None:
    frames, _ = moving_discs(1, 96, 144, 21)
    with torch.no_grad():
        features = network.encode_key(frames)
    for name in ("key", "shrinkage", "selection"):
        torch.testing.assert_close(getattr(features, name), reference[name], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(features.maps[0].mean((2, 3)), reference["f16_mean"], rtol=1e-4, atol=1e-5)


def test_all_14_frames_equal_the_official(network: XMem, reference: dict[str, Tensor]) -> None:
    frames, masks = moving_discs(14, 96, 144, 21)
    propagator = Propagator(network, SETTINGS)
    for i, frame in enumerate(frames):
        annotation = masks[0, :2] if i == 0 else None
        probabilities = propagator.step(frame, annotation, None if annotation is None else [1, 2])
        error = (probabilities[:, ::4, ::4] - reference[f"prob_{i:02}"]).abs().max()
        assert error < 1e-4, f"frame {i}: {error}"
    (group,) = propagator._video.groups
    assert group.bank.long == 32  # after two consolidations
