import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils import parametrizations, prune

from avseg.models.avs.tpavi import SCOPES, TPAVI
from tests.golden_recipe import arr, fill_official, golden
from tests.reference.tpavi_quadratic import quadratic_tpavi

CASES = {"a": (2, 32, 5, 6, 7), "b": (1, 16, 3, 9, 4)}


def official_block(channels: int, mode: str = "audio") -> TPAVI:
    block = TPAVI(channels, mode)
    block.load_state_dict(fill_official(_official_shapes(block), 1))
    return block.eval()


def _official_shapes(block: TPAVI) -> dict[str, tuple[int, ...]]:
    shapes = {name: tuple(tensor.shape) for name, tensor in block.state_dict().items()}
    convolutions = ("g.weight", "theta.weight", "phi.weight", "W_z.0.weight")
    return {name: (*shape, 1, 1, 1) if name in convolutions else shape for name, shape in shapes.items()}


def random_block(channels: int, mode: str, scope: str, window: int | None = None) -> TPAVI:
    """All parameters random, the zero-initialised BatchNorm too, in double precision."""
    block = TPAVI(channels, mode, scope, audio_channels=6, window=window)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return block.double()


def relative(actual: Tensor, expected: Tensor) -> float:
    return float((actual - expected).detach().abs().max() / expected.abs().max())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("mode", "key"), [("audio", "va"), ("visual", "vv")])
def test_equals_the_official_block(case: str, mode: str, key: str) -> None:
    shape = CASES[case]
    audio = arr("tpavi_a", (shape[0], shape[2], 128), 1, "uniform")
    z, aligned = official_block(shape[1], mode)(arr("tpavi_x", shape, 1), audio)
    assert relative(z, golden()[f"tpavi_{case}_{key}"]) < 1e-5
    if mode == "audio":
        assert relative(aligned, golden()[f"tpavi_{case}_audio"]) < 1e-5
    else:
        assert aligned is None


@pytest.mark.parametrize("case", CASES)
def test_trains_like_the_official_block(case: str) -> None:
    shape = CASES[case]
    block = official_block(shape[1]).train()
    z, aligned = block(arr("tpavi_x", shape, 1), arr("tpavi_a", (shape[0], shape[2], 128), 1, "uniform"))
    assert relative(z, golden()[f"tpavi_{case}_va_train"]) < 1e-5
    (z.square().mean() + aligned.mean()).backward()
    for name, parameter in block.named_parameters():
        # biases in front of the BatchNorm have no gradient but rounding: hence the absolute part
        expected = golden()[f"tpavi_{case}_grad.{name}"].reshape(parameter.shape)
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-3, atol=2e-7)


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 2),
    channels=st.integers(1, 4).map(lambda half: 2 * half),
    size=st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
    mode=st.sampled_from(["audio", "visual", "both"]),
    scope=st.sampled_from(["clip", "frame"]),
    window=st.sampled_from([None, 1, 2, 3, 7]),
    train=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_linear_form_equals_quadratic_form_in_values_and_gradients(
    batch: int,
    channels: int,
    size: tuple[int, int, int],
    mode: str,
    scope: str,
    window: int | None,
    train: bool,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    train = train and batch * size[0] * size[1] * size[2] > 1  # BatchNorm has no variance of one value
    block = random_block(channels, mode, scope, window).train(train)
    reference = copy.deepcopy(block)
    x = torch.randn(batch, channels, *size, dtype=torch.double, requires_grad=True)
    audio = torch.randn(batch, size[0], 6, dtype=torch.double, requires_grad=True)
    z, aligned = block(x, audio)
    expected, expected_aligned = quadratic_tpavi(reference, x, audio)
    torch.testing.assert_close(z, expected)
    if mode == "visual":
        assert aligned is None
    else:
        torch.testing.assert_close(aligned, expected_aligned)
    weight = torch.randn_like(z)
    ours, theirs = (
        torch.autograd.grad(
            (out * weight).sum(), [x, audio, *(p for p in net.parameters() if p.requires_grad)], allow_unused=True
        )
        for out, net in ((z, block), (expected, reference))
    )
    for mine, expected_gradient in zip(ours, theirs, strict=True):
        if expected_gradient is not None:
            torch.testing.assert_close(mine, expected_gradient, rtol=1e-6, atol=1e-8)
        else:
            assert mine is None


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(5)), seed=st.integers(0, 2**16))
def test_clip_scope_ignores_when_a_sound_occurs_and_frame_scope_does_not(order: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    still = torch.randn(1, 4, 1, 3, 3, dtype=torch.double).expand(-1, -1, 5, -1, -1)
    audio = torch.randn(1, 5, 6, dtype=torch.double)
    clip, frame = (random_block(4, "audio", scope).eval() for scope in ("clip", "frame"))
    plain, permuted = clip(still, audio)[0], clip(still, audio[:, order])[0]
    torch.testing.assert_close(permuted, plain)
    torch.testing.assert_close(plain[:, :, :1].expand_as(plain), plain)
    plain, permuted = frame(still, audio)[0], frame(still, audio[:, order])[0]
    torch.testing.assert_close(permuted, plain[:, :, order])
    assert not torch.allclose(plain[:, :, 0], plain[:, :, 1])


def test_starts_as_layer_norm_of_the_visual_map() -> None:
    x = torch.randn(2, 8, 3, 4, 5)
    z, _ = TPAVI(8)(x, torch.randn(2, 3, 128))
    expected = torch.nn.functional.layer_norm(x.movedim(1, -1), (8,)).movedim(-1, 1)
    torch.testing.assert_close(z, expected)


@pytest.mark.parametrize("mode", ["audio", "visual", "both"])
def test_bfloat16_autocast_stays_near_float32(mode: str) -> None:
    torch.manual_seed(0)
    block = random_block(16, mode, "clip").float().eval()
    x, audio = torch.randn(1, 16, 5, 24, 24), torch.rand(1, 5, 6)
    expected, _ = block(x, audio)
    with torch.autocast("cpu", torch.bfloat16):
        actual, _ = block(x, audio)
    assert torch.isfinite(actual).all()
    assert (actual - expected).abs().mean() < 0.02


def test_every_trainable_parameter_is_used() -> None:
    for mode in ("audio", "visual", "both"):
        block = random_block(4, mode, "clip").float()
        z, _ = block(torch.randn(1, 4, 2, 3, 3), torch.randn(1, 2, 6))
        z.square().sum().backward()
        assert all(p.grad is not None for p in block.parameters() if p.requires_grad), mode


@pytest.mark.parametrize("scope", SCOPES)
def test_a_batch_of_no_clip(scope: str) -> None:
    block = TPAVI(4, scope=scope).eval()
    assert block(torch.randn(0, 4, 5, 2, 2), torch.randn(0, 5, 128))[0].shape == (0, 4, 5, 2, 2)


def test_weights_may_be_computed() -> None:
    """Pruned and parametrised layers have no parameter of the name `weight`."""
    block = TPAVI(4).eval()
    torch.nn.init.normal_(block.W_z[1].weight)
    x, audio = torch.randn(1, 4, 5, 2, 2), torch.randn(1, 5, 128)
    parametrizations.weight_norm(block.theta)
    expected = block(x, audio)[0]
    prune.identity(block.W_z[0], "weight")
    assert torch.allclose(block(x, audio)[0], expected)
    with torch.no_grad():
        block.theta.parametrizations.weight.original1.mul_(-1)
    assert not torch.allclose(block(x, audio)[0], expected)
