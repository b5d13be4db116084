import pytest
import torch
from torch import nn

from avseg.models.lu_avs.audio_branch import AudioBranch
from avseg.models.lu_avs.box_branch import BoxBranch
from avseg.models.lu_avs.mask_branch import MaskBranch
from avseg.models.lu_avs.recipe import param_groups


def test_published_numbers() -> None:
    mask, box, audio = MaskBranch.recipe, BoxBranch.recipe, AudioBranch.recipe
    assert (mask.epochs, mask.lr, mask.backbone_lr, mask.weight_decay, mask.gradient_clip) == (
        5,
        6e-5,
        6e-5,
        0.01,
        0.01,
    )
    assert (box.epochs, box.lr, box.backbone_lr, box.weight_decay, box.gradient_clip) == (6, 1e-4, 1e-5, 1e-4, 0.1)
    assert (audio.epochs, audio.lr) == (60, 1e-3)


@pytest.mark.parametrize("branch", [MaskBranch(3, "tiny"), BoxBranch(3, "tiny"), AudioBranch(3, encoder="mel")])
def test_every_trained_parameter_is_in_one_group(branch: nn.Module) -> None:
    grouped = [p for group in param_groups(branch) for p in group["params"]]
    trained = [p for p in branch.parameters() if p.requires_grad]
    assert len(grouped) == len(set(map(id, grouped))) == len(trained)
    torch.optim.AdamW(param_groups(branch))


def test_the_box_branch_slows_its_backbone() -> None:
    branch = BoxBranch(3, "tiny")
    groups = {group["name"]: group for group in param_groups(branch)}
    assert {name: (group["lr"], group["weight_decay"]) for name, group in groups.items()} == {
        "backbone": (1e-5, 1e-4),
        "heads": (1e-4, 1e-4),
    }
    inside = {id(p) for p in branch.net.model.backbone.parameters()}
    assert all(id(p) in inside for p in groups["backbone"]["params"])
    assert not any(id(p) in inside for p in groups["heads"]["params"])


def test_rates_given_by_the_caller() -> None:
    branch = BoxBranch(3, "tiny")
    rates = {group["name"]: group["lr"] for group in param_groups(branch, lr=1e-3)}
    assert rates == {"heads": 1e-3, "backbone": pytest.approx(1e-4)}  # the recipe's ratio
    rates = {group["name"]: group["lr"] for group in param_groups(branch, lr=1e-3, backbone_lr=1e-3)}
    assert set(rates.values()) == {1e-3}


def test_the_mask_branch_spares_norms_embeddings_and_position_tables() -> None:
    branch = MaskBranch(3, "tiny")
    groups = {group["name"]: group for group in param_groups(branch, weight_decay=0.02)}
    decay = {id(p): group["weight_decay"] for group in groups.values() for p in group["params"]}
    named = dict(branch.named_parameters())
    spared = {name for name, p in named.items() if decay.get(id(p)) == 0}
    assert any("relative_position_bias_table" in name for name in spared)
    assert "net.model.transformer_module.queries_embedder.weight" in spared
    assert all("norm" in n or "table" in n or "queries" in n or "fpn" in n for n in spared), spared
    assert decay[id(named["net.class_predictor.weight"])] == 0.02
    assert {group["lr"] for group in groups.values()} == {6e-5}
