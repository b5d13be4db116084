import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.models.avs.loss import AudioVisualMappingLoss
from avseg.utils.errors import UserError
from tests.golden_recipe import arr, golden

SIZES = (16, 8, 4, 2)


def _logits() -> torch.Tensor:
    return arr("pred", (10, 1, 64, 64), 3).view(2, 5, 1, 64, 64)


def _maps() -> list[torch.Tensor]:
    return [arr(f"v{i}", (10, 16, size, size), 3).view(2, 5, 16, size, size) for i, size in enumerate(SIZES)]


def _audio() -> list[torch.Tensor | None]:
    return [arr(f"a{i}", (2, 5, 16), 3) for i in range(4)]


@pytest.mark.parametrize("pairing", ["own", "closest"])
@pytest.mark.parametrize("stages", ["0123", "03", "2"])
def test_golden(pairing: str, stages: str) -> None:
    key = f"loss_ms3_{'closer_' if pairing == 'closest' else ''}kl_{stages}"
    total, mask_term, mapping = golden()[key].tolist()
    loss = AudioVisualMappingLoss([int(s) + 1 for s in stages], pairing=pairing)  # type: ignore[arg-type]
    value = loss(_logits(), _maps(), _audio()).item()
    assert value == pytest.approx(mapping, rel=1e-5)
    assert mask_term + 0.5 * value == pytest.approx(total, rel=1e-5)


def test_none_counts_the_stages_that_carry_tpavi() -> None:
    audio = _audio()
    audio[1] = audio[2] = None
    expected = golden()["loss_ms3_kl_03"][2].item()
    assert AudioVisualMappingLoss()(_logits(), _maps(), audio).item() == pytest.approx(expected, rel=1e-5)


def test_no_counted_stage_is_zero_with_graph() -> None:
    logits = _logits().requires_grad_()
    loss = AudioVisualMappingLoss()(logits, _maps(), [None] * 4)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None


def _reference_euclidean(pairing: str) -> float:
    """Compute the loss frame by frame, in float64."""
    stages = []
    for stage, size in enumerate(SIZES):
        step = 64 // size
        audio = _audio()[stage].view(10, 16).double()  # type: ignore[union-attr]
        audio = audio / audio.norm(dim=1, keepdim=True)
        visual = []
        for n in range(10):
            tiles = _logits().view(10, 64, 64)[n].double().view(size, step, size, step).mean((1, 3))
            feature = (_maps()[stage].view(10, 16, size, size)[n].double() * tiles.sigmoid()).mean((1, 2))
            visual.append(feature / feature.norm())
        distances = []
        for n in range(10):
            rest = [m for m in range(10) if m != n]
            closest = min(rest, key=lambda m: (audio[m] - audio[n]).norm().item())
            distances.append((visual[n] - (audio[n] if pairing == "own" else visual[closest])).norm())
        stages.append(torch.stack(distances).mean())
    return torch.stack(stages).mean().item()


@pytest.mark.parametrize("pairing", ["own", "closest"])
def test_euclidean_form(pairing: str) -> None:
    loss = AudioVisualMappingLoss(form="euclidean", pairing=pairing)  # type: ignore[arg-type]
    assert loss(_logits(), _maps(), _audio()).item() == pytest.approx(_reference_euclidean(pairing), rel=1e-5)


def test_classes_count_annotated_frames_and_pool_the_foreground() -> None:
    logits = torch.full((1, 2, 3, 4, 4), -1.0)
    logits[0, 0, 0, :, :2] = 1  # the left half is background
    logits[0, 0, 2, :, 2:] = 1
    maps, audio = torch.randn(1, 2, 5, 2, 2), torch.randn(1, 2, 5)
    visual = maps[0, 0, :, :, 1].sum(-1) / 4  # pooled foreground: 0 on the left, 1 on the right
    p, q = audio[0, 0].softmax(0), visual.softmax(0)
    expected = (p * (p.log() - q.log())).sum().item()
    loss = AudioVisualMappingLoss(stages=[1], background=0)
    value = loss(logits, [maps], [audio], torch.tensor([[True, False]])).item()
    assert value == pytest.approx(expected, rel=1e-5)
    # the official code takes the last class for the background
    official = AudioVisualMappingLoss(stages=[1])(logits.flip(2), [maps], [audio], torch.tensor([[True, False]]))
    assert official.item() == pytest.approx(expected, rel=1e-5)


def _distant() -> tuple[list[torch.Tensor], torch.Tensor]:
    """Sounds of four frames: the first two 9 apart, the others more than 10 from everything."""
    audio = torch.zeros(1, 4, 3)
    audio[0, :, 0] = torch.tensor([0.0, 9.0, 30.0, 60.0])
    return [torch.randn(1, 4, 3, 2, 2, generator=torch.Generator().manual_seed(1))], audio


def test_a_frame_whose_nearest_sound_is_far_is_its_own_partner() -> None:
    maps, audio = _distant()
    logits = torch.zeros(1, 4, 1, 4, 4)
    value = AudioVisualMappingLoss(stages=[1], pairing="closest")(logits, maps, [audio])
    features = maps[0][0].mean((2, 3)) / 2  # (4, 3), the mask is 0.5 everywhere
    p = features.softmax(-1)
    expected = (p[1] * (p[1] / p[0]).log()).sum() + (p[0] * (p[0] / p[1]).log()).sum()  # the far ones add nothing
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)


def test_classes_pair_frames_in_the_euclidean_form_alone() -> None:
    maps, audio = _distant()
    logits = torch.zeros(1, 4, 3, 4, 4)
    logits[:, :, 1] = 1
    for form, same in (("kl", True), ("euclidean", False)):
        values = [
            AudioVisualMappingLoss([1], form, pairing)(logits, maps, [audio]).item()  # type: ignore[arg-type]
            for pairing in ("own", "closest")
        ]
        assert (values[0] == values[1]) == same


def test_gradient_reaches_mask_map_and_sound() -> None:
    inputs = [torch.randn(shape, requires_grad=True) for shape in [(1, 3, 1, 8, 8), (1, 3, 4, 2, 2), (1, 3, 4)]]
    AudioVisualMappingLoss()(inputs[0], [inputs[1]], [inputs[2]]).backward()
    assert all(x.grad is not None and x.grad.any() for x in inputs)


@pytest.mark.parametrize("pairing", ["own", "closest"])
def test_float32_under_autocast(pairing: str) -> None:
    inputs = _logits().bfloat16(), [m.bfloat16() for m in _maps()], [a.bfloat16() for a in _audio() if a is not None]
    loss = AudioVisualMappingLoss(pairing=pairing)  # type: ignore[arg-type]
    exact = loss(inputs[0].float(), [m.float() for m in inputs[1]], [a.float() for a in inputs[2]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(*inputs)
    assert value.dtype == torch.float32
    assert torch.equal(value, exact)


@settings(max_examples=25, deadline=None)
@given(clips=st.integers(1, 3), frames=st.integers(1, 4), channels=st.integers(1, 9), seed=st.integers(0, 99))
def test_kl_is_never_negative_and_zero_for_equal_features(clips: int, frames: int, channels: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(clips, frames, 1, 8, 8, generator=generator)
    maps = torch.randn(clips, frames, channels, 2, 2, generator=generator)
    audio = torch.randn(clips, frames, channels, generator=generator)
    for pairing in ("own", "closest"):
        loss = AudioVisualMappingLoss(pairing=pairing)  # type: ignore[arg-type]
        assert loss(logits, [maps], [audio]).item() >= -1e-6
    # a mask of ones everywhere leaves the map's mean: equal to the sound, the loss is 0
    same = audio[..., None, None].expand(clips, frames, channels, 2, 2)
    assert AudioVisualMappingLoss()(torch.full_like(logits, 100.0), [same], [audio]).item() == pytest.approx(
        0, abs=1e-5
    )


def test_a_single_frame_is_its_own_neighbour() -> None:
    loss = AudioVisualMappingLoss(pairing="closest")
    value = loss(torch.randn(1, 1, 1, 8, 8), [torch.randn(1, 1, 4, 2, 2)], [torch.randn(1, 1, 4)])
    assert value.item() == pytest.approx(0, abs=1e-6)


def test_errors() -> None:
    with pytest.raises(UserError, match="did you mean 'euclidean'"):
        AudioVisualMappingLoss(form="euclidian")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="pairing"):
        AudioVisualMappingLoss(pairing="nearby")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"stages \[5\]"):
        AudioVisualMappingLoss(stages=[5])
    with pytest.raises(UserError, match=r"stages \[1, 2\] carry no TPAVI \(fusion stages are \[3, 4\]\)"):
        AudioVisualMappingLoss(stages=[1, 2])(_logits(), _maps(), [None, None, *_audio()[2:]])
