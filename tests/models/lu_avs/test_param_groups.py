from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from avseg.audio import MelStatistics
from avseg.models.lu_avs.audio_branch import AudioBranch
from avseg.models.lu_avs.box_branch import BoxBranch
from avseg.models.lu_avs.mask_branch import MaskBranch
from avseg.models.lu_avs.param_groups import param_groups


@pytest.mark.parametrize(
    "build", [partial(MaskBranch, 3, "tiny"), partial(BoxBranch, 3, "tiny"), partial(AudioBranch, 3, MelStatistics())]
)
def test_every_trained_parameter_is_in_one_group(build: Callable[[], nn.Module]) -> None:
    branch = build()
    grouped = [p for group in param_groups(branch, 1e-4, 1e-5, 1e-4) for p in group["params"]]
    trained = [p for p in branch.parameters() if p.requires_grad]
    assert len(grouped) == len(set(map(id, grouped))) == len(trained)
    torch.optim.AdamW(param_groups(branch, 1e-4, 1e-5, 1e-4))


def test_the_backbone_has_its_learning_rate() -> None:
    branch = BoxBranch(3, "tiny")
    groups = {group["name"]: group for group in param_groups(branch, 1e-4, 1e-5, 1e-4)}
    assert {name: (group["lr"], group["weight_decay"]) for name, group in groups.items()} == {
        "backbone": (1e-5, 1e-4),
        "heads": (1e-4, 1e-4),
    }
    inside = {id(p) for p in branch.net.model.backbone.parameters()}
    assert all(id(p) in inside for p in groups["backbone"]["params"])
    assert not any(id(p) in inside for p in groups["heads"]["params"])


def test_the_mask_branch_does_not_decay_norms_embeddings_and_position_tables() -> None:
    branch = MaskBranch(3, "tiny")
    groups = {group["name"]: group for group in param_groups(branch, 6e-5, 6e-5, 0.02)}
    decay = {id(p): group["weight_decay"] for group in groups.values() for p in group["params"]}
    named = dict(branch.named_parameters())
    not_decayed = {name for name, p in named.items() if decay.get(id(p)) == 0}
    assert any("relative_position_bias_table" in name for name in not_decayed)
    assert "net.model.transformer_module.queries_embedder.weight" in not_decayed
    assert all("norm" in n or "table" in n or "queries" in n or "fpn" in n for n in not_decayed), not_decayed
    assert decay[id(named["net.class_predictor.weight"])] == 0.02
    assert {group["lr"] for group in groups.values()} == {6e-5}
