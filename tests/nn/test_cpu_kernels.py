"""Linear layers as oneDNN convolutions against torch's own."""

import copy

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from avseg.nn import cpu_kernels
from avseg.nn.cpu_kernels import PixelConv, PixelLinear, batched_linear, linear, onednn_applies, use_fast_products


@pytest.fixture(autouse=True)
def _no_minimum_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_kernels, "MIN_MACS", 0)


@settings(max_examples=40, deadline=None)
@given(
    lead=st.lists(st.integers(1, 7), max_size=3).map(tuple),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    biased=st.booleans(),
    transposed=st.booleans(),
)
def test_linear_in_values_and_gradients(
    lead: tuple[int, ...], size: tuple[int, int], biased: bool, transposed: bool
) -> None:
    torch.manual_seed(sum(lead))
    x = torch.randn(*lead, size[0])
    x = (x.mT.contiguous().mT if transposed and len(lead) else x).requires_grad_()
    weight, bias = torch.randn(size[1], size[0], requires_grad=True), torch.randn(size[1], requires_grad=True)
    inputs = [x, weight, bias][: 3 if biased else 2]
    ours, theirs = linear(*inputs), F.linear(*inputs)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    out = torch.randn_like(theirs)
    for mine, reference in zip(
        torch.autograd.grad(ours, inputs, out), torch.autograd.grad(theirs, inputs, out), strict=True
    ):
        torch.testing.assert_close(mine, reference, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("min_macs", [0, 2**40])
@pytest.mark.parametrize("count", [1, 3])
def test_one_linear_per_batch_item(count: int, min_macs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_kernels, "MIN_MACS", min_macs)
    x, weights, biases = torch.randn(count, 5, 6), torch.randn(count, 7, 6), torch.randn(count, 7)
    expected = torch.stack([F.linear(*item) for item in zip(x, weights, biases, strict=True)])
    torch.testing.assert_close(batched_linear(x, weights, biases), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["test_resnet", "pvt_v2_b0"])
def test_a_network_keeps_its_state_and_its_values(name: str) -> None:
    original = timm.create_model(name, features_only=True).train()
    fast = copy.deepcopy(original)
    use_fast_products(fast)
    types = {type(module) for module in fast.modules()}
    assert PixelLinear in types or PixelConv in types
    assert nn.Linear not in types
    assert {k: v.shape for k, v in fast.state_dict().items()} == {k: v.shape for k, v in original.state_dict().items()}
    images = torch.randn(2, 3, 64, 64)
    ours, theirs = fast(images), original(images)
    for mine, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-3, atol=1e-4)
    sum(item.square().mean() for item in ours).backward()
    sum(item.square().mean() for item in theirs).backward()
    for mine, reference in zip(fast.parameters(), original.parameters(), strict=True):
        torch.testing.assert_close(
            mine.grad, reference.grad, rtol=1e-2, atol=1e-3 * float(reference.grad.abs().max()) + 1e-6
        )


def test_other_precisions_devices_and_compilers_are_left_alone() -> None:
    assert onednn_applies(torch.zeros(1))
    assert not onednn_applies(torch.zeros(1, dtype=torch.float64))
    assert not onednn_applies(torch.zeros(1, device="meta"))
    with torch.autocast("cpu", torch.bfloat16):
        assert not onednn_applies(torch.zeros(1))
        assert linear(torch.zeros(3, 2), torch.zeros(4, 2)).dtype == torch.bfloat16
