import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.nn.xmem import XMem, tiny_xmem
from avseg.nn.xmem.network import soft_aggregation


@pytest.fixture(scope="module")
def network() -> XMem:
    return tiny_xmem()


def test_tiny_network_is_small_and_reproducible() -> None:
    rng_state = torch.get_rng_state()
    first, repeated, differs = tiny_xmem(1), tiny_xmem(1), tiny_xmem(2)
    assert torch.equal(torch.get_rng_state(), rng_state)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), repeated.parameters(), strict=True))
    assert not torch.equal(first.decoder.pred.weight, differs.decoder.pred.weight)
    assert sum(parameter.numel() for parameter in first.parameters()) < 200_000


@pytest.mark.parametrize("objects", [1, 3])
def test_shapes(network: XMem, objects: int) -> None:
    with torch.no_grad():
        frame = torch.randn(1, 3, 48, 80)
        features = network.encode_key(frame)
        hidden = torch.zeros(objects, 8, 3, 5)
        value, refreshed = network.encode_value(frame, features, torch.rand(objects, 48, 80), hidden)
        logits, carried = network.decode(features, value, hidden)
        _, kept = network.decode(features, value, hidden, update=False)
    assert features.key.shape == features.selection.shape == (1, 8, 3, 5)
    assert features.shrinkage.shape == (1, 1, 3, 5)
    assert features.shrinkage.min() >= 1
    assert value.shape == (objects, 16, 3, 5)
    assert logits.shape == (objects, 48, 80)
    assert refreshed.shape == carried.shape == hidden.shape
    assert torch.equal(kept, hidden)
    assert not torch.equal(carried, hidden)


def test_decoding_objects_together_equals_each_alone(network: XMem) -> None:
    with torch.no_grad():
        features = network.encode_key(torch.randn(1, 3, 32, 48))
        readout, hidden = torch.randn(4, 16, 2, 3), torch.randn(4, 8, 2, 3)
        together = network.decode(features, readout, hidden)
        alone = [network.decode(features, readout[i : i + 1], hidden[i : i + 1]) for i in range(4)]
    for output in (0, 1):
        torch.testing.assert_close(
            together[output], torch.cat([single[output] for single in alone]), rtol=1e-4, atol=1e-5
        )


def test_the_value_of_an_object_depends_on_the_sum_of_the_other_masks(network: XMem) -> None:
    """Three objects equal two if one of those is the sum of two, and the order does not matter."""
    with torch.no_grad():
        frame, hidden = torch.randn(1, 3, 32, 48), torch.zeros(3, 8, 2, 3)
        features = network.encode_key(frame)
        masks = torch.rand(3, 32, 48) / 3
        value, _ = network.encode_value(frame, features, masks, hidden)
        merged, _ = network.encode_value(frame, features, torch.stack([masks[0], masks[1] + masks[2]]), hidden[:2])
        flipped, _ = network.encode_value(frame, features, masks.flip(0), hidden)
        alone, _ = network.encode_value(frame, features, masks[:1], hidden[:1])
    torch.testing.assert_close(merged[0], value[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(flipped.flip(0), value, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(alone[0], value[0])


@settings(max_examples=25, deadline=None)
@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_soft_aggregation(values: list[float]) -> None:
    out = soft_aggregation(torch.tensor(values).view(-1, 1, 1)).flatten()
    assert out.sum() == pytest.approx(1, abs=1e-5)
    assert (out >= 0).all()
    order = sorted(range(len(values)), key=values.__getitem__)
    assert (out[1:][order].diff() >= -1e-6).all()
    if len(values) == 1:  # only the background competes
        p = values[0]
        assert out[1] == pytest.approx(p**2 / (p**2 + (1 - p) ** 2), abs=1e-5)
