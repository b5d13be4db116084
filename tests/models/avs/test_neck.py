"""The neck's shortcuts against four plain dilated convolutions."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune

from avseg.models.avs import neck as module
from avseg.models.avs.neck import DILATIONS, Neck


def reference(neck: Neck, x: Tensor) -> Tensor:
    maps = [
        F.conv2d(x, branch.weight, branch.bias, padding=d, dilation=d)
        for branch, d in zip(neck.branches, DILATIONS, strict=True)
    ]
    return sum(maps[1:], maps[0])


def gradients(neck: Neck, x: Tensor, values: Tensor, weight: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad((values * weight).sum(), [x, *neck.parameters()]))


@settings(max_examples=30, deadline=None)
@given(
    count=st.integers(1, 3),
    channels=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    size=st.tuples(st.integers(1, 23), st.integers(1, 23)),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    channels_last=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_equals_four_plain_convolutions_in_values_and_gradients(
    count: int,
    channels: tuple[int, int],
    size: tuple[int, int],
    dtype: torch.dtype,
    channels_last: bool,
    seed: int,
) -> None:
    """Maps smaller and larger than each dilation; float32 uses the custom backward pass, float64 torch's."""
    torch.manual_seed(seed)
    neck = Neck(*channels).to(dtype)
    for parameter in neck.parameters():
        torch.nn.init.normal_(parameter)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    x = torch.randn(count, channels[0], *size, dtype=dtype).to(memory_format=layout).requires_grad_()
    ours, published = neck(x), reference(neck, x)
    exact = {"rtol": 1e-12, "atol": 1e-12} if dtype == torch.float64 else {"rtol": 1e-4, "atol": 2e-4}
    torch.testing.assert_close(ours, published, **exact)
    weight = torch.randn_like(published)
    for mine, theirs in zip(gradients(neck, x, ours, weight), gradients(neck, x, published, weight), strict=True):
        torch.testing.assert_close(mine, theirs, **exact)


def test_channels_of_a_real_stage() -> None:
    """Enough channels for oneDNN's fast kernels."""
    neck, x = Neck(128, 64), torch.randn(2, 128, 13, 14, requires_grad=True)
    ours, published = neck(x), reference(neck, x)
    torch.testing.assert_close(ours, published, rtol=1e-4, atol=1e-5)
    weight = torch.randn_like(published)
    for mine, theirs in zip(gradients(neck, x, ours, weight), gradients(neck, x, published, weight), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-3)


def test_dilations_beyond_the_map_are_one_product(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    convolve = module._dilated_sum
    monkeypatch.setattr(module, "_dilated_sum", lambda x, d, *rest: sizes.append(tuple(d)) or convolve(x, d, *rest))
    for size in (3, 7, 14, 28):
        Neck(2, 2)(torch.randn(1, 2, size, size))
    assert sizes == [(3, 6), (3, 6, 12), (3, 6, 12, 18)]


@pytest.mark.parametrize("size", [2, 7, 20])
def test_bfloat16_autocast_returns_bfloat16(size: int) -> None:
    neck, x = Neck(16, 8), torch.randn(1, 16, size, size, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        out = neck(x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), reference(neck, x), rtol=0.05, atol=0.02)
    out.float().sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in neck.parameters())


def test_gradients_reach_a_frozen_input_and_frozen_weights() -> None:
    neck = Neck(4, 4)
    neck.branches[1].requires_grad_(False)
    neck(torch.randn(1, 4, 20, 20)).sum().backward()
    assert neck.branches[0].weight.grad is not None
    assert neck.branches[1].weight.grad is None


@pytest.mark.slow
def test_a_compiler_sees_plain_operations() -> None:
    neck, x = Neck(4, 4), torch.randn(1, 4, 7, 7)
    compiled = torch.compile(neck, backend="aot_eager", fullgraph=True)(x)
    torch.testing.assert_close(compiled, reference(neck, x))
    compiled.sum().backward()
    assert all(branch.weight.grad is not None for branch in neck.branches)


def test_weights_may_be_computed_or_passed_in() -> None:
    """Pruned and parametrised branches have no parameter of the name `weight`, and neither has `torch.func`."""
    neck, x = Neck(3, 2), torch.randn(1, 3, 20, 20)
    values = {name: torch.randn_like(parameter) for name, parameter in neck.named_parameters()}
    passed = torch.func.functional_call(neck, values, (x,))
    by_bias = torch.func.grad(lambda parameters: torch.func.functional_call(neck, parameters, (x,)).sum())(values)
    assert torch.allclose(by_bias["branches.0.bias"], torch.full((2,), 400.0))
    neck.load_state_dict(values)
    assert torch.allclose(passed, reference(neck, x), atol=1e-5)
    prune.l1_unstructured(neck.branches[0], "weight", 0.5)
    parametrizations.weight_norm(neck.branches[1])
    assert torch.allclose(neck(x), reference(neck, x), atol=1e-5)
