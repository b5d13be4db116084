from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from avseg.models.lu_avs.audio_branch import AudioBranch, logit_of_product
from avseg.models.lu_avs.audio_loss import SoundLoss
from avseg.models.lu_avs.recipe import param_groups
from avseg.utils.errors import UserError


@pytest.mark.parametrize("heads", ["mlp", "two_heads"])
def test_shapes_and_round_trip(heads: str) -> None:
    branch = AudioBranch(5, encoder="mel", heads=heads)  # type: ignore[arg-type]
    patches = torch.randn(2, 3, 1, 96, 64)
    logits = branch(patches)
    assert logits.shape == (2, 3, 5)
    other = AudioBranch(5, encoder="mel", heads=heads)  # type: ignore[arg-type]
    other.load_state_dict(branch.state_dict())
    assert torch.equal(other(patches), logits)


def test_a_second_knows_nothing_of_the_others() -> None:
    branch, patches = AudioBranch(5, encoder="mel"), torch.randn(1, 3, 1, 96, 64)
    torch.testing.assert_close(branch(patches)[:, 1:2], branch(patches[:, 1:2]))


@given(a=st.floats(-30, 30), b=st.floats(-30, 30))
def test_two_heads_multiply_probabilities(a: float, b: float) -> None:
    one, other = torch.tensor([a], dtype=torch.float64), torch.tensor([b], dtype=torch.float64)
    expected = one.sigmoid() * other.sigmoid()
    torch.testing.assert_close(logit_of_product(one, other).sigmoid(), expected, rtol=1e-9, atol=1e-15)


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
        branch = AudioBranch(88, encoder="vggish", heads="mlp", hidden=256)
    assert all(p.requires_grad for p in branch.parameters())
    assert sum(p.numel() for p in branch.encoder.parameters()) == 72_141_184
    assert [layer.out_features for layer in branch.classes if isinstance(layer, nn.Linear)] == [256, 88]
    groups = {group["name"]: group for group in param_groups(branch)}
    assert {name: group["lr"] for name, group in groups.items()} == {"backbone": 1e-3, "heads": 1e-3}
    assert AudioBranch.recipe.epochs == 60


def test_a_step_changes_every_layer_of_vggish() -> None:
    torch.manual_seed(0)
    branch = AudioBranch(2, encoder="vggish", heads="two_heads").train()
    logits = branch(torch.randn(1, 1, 1, 96, 64))
    SoundLoss()(logits, torch.ones(1, 1, 2), torch.ones(1, 1) > 0).backward()
    assert all(p.grad is not None for p in branch.parameters())
    assert branch.encoder.features[0].weight.grad.any()


@pytest.mark.parametrize("heads", ["mlp", "two_heads"])
def test_learns_which_band_sounds(heads: str) -> None:
    """Class k is a loud band k; no class is silence. A second may hold several."""
    torch.manual_seed(0)
    targets = torch.randint(2, (8, 16, 3)).float()
    patches = torch.full((8, 16, 1, 96, 64), -4.6) + 0.1 * torch.randn(8, 16, 1, 96, 64)
    for k, (low, high) in enumerate(pairwise((0, 20, 40, 64))):
        patches[..., low:high] += 4 * targets[..., k, None, None, None]
    branch = AudioBranch(3, encoder="mel", heads=heads)  # type: ignore[arg-type]
    optimizer = torch.optim.AdamW(param_groups(branch, lr=1e-2))
    for _ in range(60):
        loss = SoundLoss()(branch(patches), targets, torch.ones(8, 16) > 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    assert ((branch(patches) > 0) == (targets > 0)).all()


def test_mistakes_are_told() -> None:
    with pytest.raises(UserError, match="encoder 'vgish' is unknown; did you mean 'vggish'"):
        AudioBranch(3, encoder="vgish")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="heads 'three' is unknown; choose mlp or two_heads"):
        AudioBranch(3, heads="three")  # type: ignore[arg-type]
