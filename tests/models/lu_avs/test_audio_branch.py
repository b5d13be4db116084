from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from avseg.audio import MelStatistics, VGGish
from avseg.models.lu_avs.audio_branch import AudioBranch, logit_of_product
from avseg.models.lu_avs.audio_loss import SoundLoss
from avseg.models.lu_avs.param_groups import param_groups
from avseg.utils.errors import UserError


@pytest.mark.parametrize("heads", ["mlp", "two_heads"])
def test_shapes_and_round_trip(heads: str) -> None:
    branch = AudioBranch(5, MelStatistics(), heads=heads)  # type: ignore[arg-type]
    patches = torch.randn(2, 3, 1, 96, 64)
    logits = branch(patches)
    assert logits.shape == (2, 3, 5)
    copy = AudioBranch(5, MelStatistics(), heads=heads)  # type: ignore[arg-type]
    copy.load_state_dict(branch.state_dict())
    assert torch.equal(copy(patches), logits)


def test_seconds_are_independent() -> None:
    branch, patches = AudioBranch(5, MelStatistics()), torch.randn(1, 3, 1, 96, 64)
    torch.testing.assert_close(branch(patches)[:, 1:2], branch(patches[:, 1:2]))


@given(a=st.floats(-30, 30), b=st.floats(-30, 30))
def test_two_heads_multiply_probabilities(a: float, b: float) -> None:
    first, second = torch.tensor([a, b], dtype=torch.float64)
    expected = first.sigmoid() * second.sigmoid()
    torch.testing.assert_close(logit_of_product(first, second).sigmoid(), expected, rtol=1e-9, atol=1e-15)


def test_two_heads_stay_finite_at_the_ends() -> None:
    values = torch.tensor([-200.0, 0.0, 200.0], requires_grad=True)
    logits = logit_of_product(values[:, None], values[None])
    assert torch.isfinite(logits).all()
    assert logits[2, 2] > 150
    assert logits[0, 2].item() == pytest.approx(-200)
    logits.sum().backward()
    assert values.grad is not None
    assert torch.isfinite(values.grad).all()


def test_all_of_vggish_is_trained() -> None:
    with torch.device("meta"):  # 72 million parameters that are never filled
        branch = AudioBranch(88, VGGish().requires_grad_(True), hidden=256)
    assert all(p.requires_grad for p in branch.parameters())
    assert sum(p.numel() for p in branch.encoder.parameters()) == 72_141_184
    assert [layer.out_features for layer in branch.classes if isinstance(layer, nn.Linear)] == [256, 88]


def test_a_step_changes_every_layer_of_vggish() -> None:
    torch.manual_seed(0)
    branch = AudioBranch(2, VGGish().requires_grad_(True), "two_heads").train()
    logits = branch(torch.randn(1, 1, 1, 96, 64))
    SoundLoss()(logits, torch.ones(1, 1, 2), torch.ones(1, 1) > 0).backward()
    assert all(p.grad is not None for p in branch.parameters())
    assert branch.encoder.features[0].weight.grad.any()


@pytest.mark.parametrize("heads", ["mlp", "two_heads"])
def test_learns_which_band_sounds(heads: str) -> None:
    """Class k is a loud band k; silence has no class. A second may contain several classes."""
    torch.manual_seed(0)
    targets = torch.randint(2, (8, 16, 3)).float()
    patches = torch.full((8, 16, 1, 96, 64), -4.6) + 0.1 * torch.randn(8, 16, 1, 96, 64)
    for k, (low, high) in enumerate(pairwise((0, 20, 40, 64))):
        patches[..., low:high] += 4 * targets[..., k, None, None, None]
    branch = AudioBranch(3, MelStatistics(), heads=heads)  # type: ignore[arg-type]
    optimizer = torch.optim.AdamW(param_groups(branch, 1e-2, 1e-2, 0.01))
    for _ in range(60):
        loss = SoundLoss()(branch(patches), targets, torch.ones(8, 16) > 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    assert ((branch(patches) > 0) == (targets > 0)).all()


def test_unknown_heads() -> None:
    with pytest.raises(UserError, match="heads 'three' is unknown; allowed: mlp, two_heads"):
        AudioBranch(3, MelStatistics(), heads="three")  # type: ignore[arg-type]
