import pytest
import torch
from torch import Tensor

from avseg.models.lu_avs.box_branch import BoxBranch, with_coordinates
from avseg.models.lu_avs.box_loss import BoxQueryLoss
from avseg.models.lu_avs.param_groups import param_groups
from avseg.models.lu_avs.presets import BOX_CONFIGS
from avseg.models.lu_avs.silent_loss import SilentObjectLoss
from avseg.utils.errors import UserError
from tests.models.lu_avs.sample_frames import SIZE, two_frames

K = 4


@pytest.fixture(scope="module")
def branch() -> BoxBranch:
    torch.manual_seed(0)
    return BoxBranch(K, "tiny")


def test_shapes(branch: BoxBranch) -> None:
    frames = torch.randn(2, 3, 64, 96)
    output = branch.eval()(frames)
    assert output.class_logits.shape == (2, 7, K + 1)
    assert output.boxes.shape == (2, 7, 4)
    assert ((output.boxes >= 0) & (output.boxes <= 1)).all()
    assert output.masks is None
    assert output.auxiliary == ()
    assert len(branch.train()(frames).auxiliary) == 2


def test_equals_the_model_of_transformers(branch: BoxBranch) -> None:
    from transformers import DetrForObjectDetection

    theirs = DetrForObjectDetection(BOX_CONFIGS["tiny"](K)).eval()
    theirs.load_state_dict(branch.net.state_dict())
    frames = torch.randn(1, 3, 64, 64)
    expected, output = theirs(frames), branch.eval()(frames)
    assert torch.equal(output.class_logits, expected.logits)
    assert torch.equal(output.boxes, expected.pred_boxes)
    torch.testing.assert_close(branch.train()(frames).boxes, output.boxes)


def test_auxiliary_layers_are_the_normalised_states_of_the_earlier_layers() -> None:
    """Cut the decoder after its first layer: its auxiliary output is then the output."""
    branch, frames = BoxBranch(K, "tiny").train(), torch.randn(1, 3, 64, 64)
    torch.nn.init.uniform_(branch.net.model.decoder.layernorm.weight, 0.5, 2)
    first = branch(frames).auxiliary[0]
    branch.net.model.decoder.layers = branch.net.model.decoder.layers[:1]
    cut = branch.eval()(frames)
    torch.testing.assert_close(first.class_logits, cut.class_logits)
    torch.testing.assert_close(first.boxes, cut.boxes)


def test_dc5_keeps_stride_16() -> None:
    backbone = BoxBranch(K, "resnet18_dc5").net.model.backbone
    maps = backbone(torch.randn(1, 3, 64, 96), torch.ones(1, 64, 96))
    assert [features.shape[-2:] for features, _ in maps] == [(16, 24), (8, 12), (4, 6), (4, 6)]


def test_only_the_stem_and_first_stage_of_a_resnet_are_frozen() -> None:
    net = BoxBranch(K, "resnet18_dc5").net.model.backbone.model
    frozen = {name.split(".")[0] for name, p in net.named_parameters() if not p.requires_grad}
    trained = {name.split(".")[0] for name, p in net.named_parameters() if p.requires_grad}
    # bn1, like all batch norms, holds no parameters: they are frozen as constants
    assert frozen == {"conv1", "layer1"}
    assert trained == {"layer2", "layer3", "layer4"}
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())
    assert all(p.requires_grad for p in BoxBranch(K, "resnet18_dc5", freeze_stem=False).parameters())
    assert sum(not p.requires_grad for p in BoxBranch(K, "tiny").parameters()) > 0
    assert all(p.requires_grad for p in BoxBranch(K, "tiny", freeze_stem=False).parameters())
    assert all(p.requires_grad for p in BoxBranch(K, "toy").parameters())


def _annotations(case: str) -> tuple[list[Tensor], list[Tensor]]:
    _, _, boxes, classes = two_frames()
    empty = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    if case == "one empty":
        return [boxes[0], empty[0]], [classes[0], empty[1]]
    return ([empty[0]] * 2, [empty[1]] * 2) if case == "all empty" else (boxes, classes)


@pytest.mark.parametrize("case", ["full", "one empty", "all empty"])
@pytest.mark.parametrize("config", ["tiny", "toy", "resnet18_dc5"])
def test_every_trainable_parameter_gets_a_gradient(config: str, case: str) -> None:
    """DDP without `find_unused_parameters` needs it."""
    branch = BoxBranch(K, config).train()
    boxes, classes = _annotations(case)
    output = branch(two_frames()[0])
    loss = torch.stack(list(BoxQueryLoss(SilentObjectLoss())(output, boxes, classes, (SIZE, SIZE)).values())).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert [name for name, p in branch.named_parameters() if p.requires_grad and p.grad is None] == []


@pytest.mark.slow
def test_learns_two_frames() -> None:
    torch.manual_seed(0)
    branch, loss = BoxBranch(2, "toy").train(), BoxQueryLoss(SilentObjectLoss("soft", warmup=50))
    frames, _, boxes, classes = two_frames()
    optimizer = torch.optim.AdamW(param_groups(branch, 5e-4, 5e-4, 1e-4))
    first = last = 0.0
    for step in range(80):
        terms = loss(branch(frames), boxes, classes, (SIZE, SIZE), elapsed=step)
        total = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(branch.parameters(), 1.0)
        optimizer.step()
        first, last = first or total.item(), total.item()
    assert last < 0.5 * first, (first, last)


def test_padding_is_ignored(branch: BoxBranch) -> None:
    frames = torch.randn(1, 3, 64, 320)
    mask = torch.ones(1, 64, 320, dtype=torch.long)
    mask[..., 64:] = 0
    plain, masked = branch.eval()(frames), branch(frames, mask)
    assert not torch.allclose(plain.boxes, masked.boxes, atol=1e-4)
    changed = frames.clone()
    changed[..., 300:] = 3  # far inside the padding: the convolutions do not carry it to the valid part
    torch.testing.assert_close(branch(changed, mask).boxes, masked.boxes)
    assert not torch.allclose(branch(changed).boxes, plain.boxes, atol=1e-6)


def test_state_dict_round_trip(branch: BoxBranch) -> None:
    copy, frames = BoxBranch(K, "tiny"), torch.randn(1, 3, 64, 64)
    copy.load_state_dict(branch.state_dict())
    assert torch.equal(branch.eval()(frames).boxes, copy.eval()(frames).boxes)


def test_bfloat16_autocast(branch: BoxBranch) -> None:
    frames, _, boxes, classes = two_frames()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = BoxQueryLoss(SilentObjectLoss())(branch.train()(frames), boxes, classes, (SIZE, SIZE))
    assert all(value.dtype == torch.float32 and torch.isfinite(value) for value in terms.values())


def test_coordinates() -> None:
    frames = with_coordinates(torch.zeros(2, 3, 3, 5))
    assert frames.shape == (2, 5, 3, 5)
    assert frames[1, 3, :, 4].tolist() == [-1, 0, 1]
    assert frames[1, 4, 2].tolist() == [-1, -0.5, 0, 0.5, 1]


def test_unknown_config() -> None:
    with pytest.raises(UserError, match=r"config 'resnet101' is unknown; allowed: .*did you mean 'resnet101_dc5'"):
        BoxBranch(K, "resnet101")


@pytest.mark.slow
def test_the_published_size_takes_a_training_step() -> None:
    branch = BoxBranch(88).train()
    assert sum(p.numel() for p in branch.parameters()) == pytest.approx(60.5e6, rel=5e-3)
    frames, _, boxes, classes = two_frames()
    output = branch(frames[:1])
    assert output.boxes.shape == (1, 100, 4)
    assert len(output.auxiliary) == 5
    optimizer = torch.optim.AdamW(param_groups(branch, 1e-4, 1e-5, 1e-4))
    terms = BoxQueryLoss(SilentObjectLoss())(output, boxes[:1], classes[:1], (SIZE, SIZE))
    torch.stack(list(terms.values())).sum().backward()
    assert all(p.grad is not None for p in branch.parameters() if p.requires_grad)
    optimizer.step()
