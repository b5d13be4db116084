import pytest
import torch
from torch import Tensor

from avseg.models.lu_avs.mask_branch import MaskBranch
from avseg.models.lu_avs.mask_loss import MaskQueryLoss
from avseg.models.lu_avs.param_groups import param_groups
from avseg.models.lu_avs.presets import MASK_CONFIGS
from avseg.models.lu_avs.silent_loss import SilentObjectLoss
from avseg.nn.overlap import mask_iou
from avseg.utils.errors import UserError
from tests.models.lu_avs.sample_frames import two_frames

K = 4


@pytest.fixture(scope="module")
def branch() -> MaskBranch:
    torch.manual_seed(0)
    return MaskBranch(K, "tiny")


@pytest.mark.parametrize("size", [(64, 64), (50, 70)])
def test_shapes(branch: MaskBranch, size: tuple[int, int]) -> None:
    frames = torch.randn(2, 3, *size)
    output = branch.eval()(frames)
    assert output.class_logits.shape == (2, 7, K + 1)
    assert output.masks.shape[:2] == (2, 7)
    assert output.boxes is None
    assert output.auxiliary == ()
    trained = branch.train()(frames)
    assert [layer.masks.shape for layer in trained.layers()] == [output.masks.shape] * 3


def test_equals_the_model_of_transformers() -> None:
    from transformers import MaskFormerForInstanceSegmentation

    branch, frames = MaskBranch(K, "tiny"), torch.randn(1, 3, 64, 64)
    theirs = MaskFormerForInstanceSegmentation(MASK_CONFIGS["tiny"](K)).eval()
    theirs.load_state_dict(branch.net.state_dict(), strict=False)
    expected = theirs(pixel_values=frames)
    output = branch.eval()(frames)
    assert torch.equal(output.class_logits, expected.class_queries_logits)
    torch.testing.assert_close(output.masks, expected.masks_queries_logits)
    # training computes the same last layer; dropout and drop path are 0 in this config
    torch.testing.assert_close(branch.train()(frames).class_logits, output.class_logits)


def test_auxiliary_layers_are_the_normalised_states_of_the_earlier_layers() -> None:
    """Cut the decoder after its first layer: its auxiliary output is then the output."""
    branch, frames = MaskBranch(K, "tiny").train(), torch.randn(1, 3, 64, 64)
    torch.nn.init.uniform_(branch.net.model.transformer_module.decoder.layernorm.weight, 0.5, 2)
    first = branch(frames).auxiliary[0]
    decoder = branch.net.model.transformer_module.decoder
    decoder.layers = decoder.layers[:1]
    cut = branch.eval()(frames)
    torch.testing.assert_close(first.class_logits, cut.class_logits)
    torch.testing.assert_close(first.masks, cut.masks)


def _annotations(case: str) -> tuple[list[Tensor], list[Tensor]]:
    _, masks, _, classes = two_frames()
    empty = (torch.zeros(0, 64, 64, dtype=torch.bool), torch.zeros(0, dtype=torch.long))
    if case == "one empty":
        return [masks[0], empty[0]], [classes[0], empty[1]]
    return ([empty[0]] * 2, [empty[1]] * 2) if case == "all empty" else (masks, classes)


@pytest.mark.parametrize("case", ["full", "one empty", "all empty"])
@pytest.mark.parametrize("config", ["tiny", "toy"])
def test_every_trainable_parameter_gets_a_gradient(config: str, case: str) -> None:
    """DDP without `find_unused_parameters` needs it."""
    branch = MaskBranch(K, config).train()
    masks, classes = _annotations(case)
    loss = torch.stack(list(MaskQueryLoss(SilentObjectLoss())(branch(two_frames()[0]), masks, classes).values())).sum()
    loss.backward()
    assert torch.isfinite(loss)
    missing = [name for name, p in branch.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []
    frozen = [name for name, p in branch.named_parameters() if not p.requires_grad]
    assert all(".encoder.model.layernorm." in name for name in frozen)
    assert len(frozen) == (2 if config == "tiny" else 0)


@pytest.mark.slow
def test_learns_two_frames() -> None:
    torch.manual_seed(0)
    branch, loss = MaskBranch(K, "tiny").train(), MaskQueryLoss(SilentObjectLoss("soft", warmup=20))
    frames, masks, _, classes = two_frames()
    optimizer = torch.optim.AdamW(param_groups(branch, 2e-3, 2e-3, 0.01))
    for step in range(60):
        total = torch.stack(list(loss(branch(frames), masks, classes, elapsed=step).values())).sum()
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(branch.parameters(), 0.1)
        optimizer.step()
    output = branch.eval()(frames)
    for frame in range(2):
        best = output.class_logits[frame].softmax(-1)[:, classes[frame]].argmax(0)
        iou = mask_iou(output.masks[frame, best], masks[frame]).diagonal()
        assert iou.min() > 0.6, iou


def test_state_dict_round_trip(branch: MaskBranch) -> None:
    assert not any("criterion" in name for name in branch.state_dict())
    copy = MaskBranch(K, "tiny")
    copy.load_state_dict(branch.state_dict())
    frames = torch.randn(1, 3, 64, 64)
    first, second = branch.eval()(frames), copy.eval()(frames)
    assert torch.equal(first.class_logits, second.class_logits)
    assert torch.equal(first.masks, second.masks)


def test_two_branches_do_not_share_a_configuration() -> None:
    """The models of transformers modify the configuration that they get."""
    assert MaskBranch(2, "tiny").eval()(torch.randn(1, 3, 64, 64)).class_logits.shape[-1] == 3
    assert MaskBranch(9, "tiny").eval()(torch.randn(1, 3, 64, 64)).class_logits.shape[-1] == 10


def test_bfloat16_autocast(branch: MaskBranch) -> None:
    frames, masks, _, classes = two_frames()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = branch.train()(frames)
        terms = MaskQueryLoss(SilentObjectLoss())(output, masks, classes)
    assert output.class_logits.dtype == torch.bfloat16
    assert all(value.dtype == torch.float32 and torch.isfinite(value) for value in terms.values())
    torch.stack(list(terms.values())).sum().backward()


def test_invalid_options() -> None:
    with pytest.raises(UserError, match=r"config 'swin_bas' is unknown; allowed: .*did you mean 'swin_base'"):
        MaskBranch(K, "swin_bas")
    with pytest.raises(UserError, match="num_classes is 0"):
        MaskBranch(0, "tiny")


@pytest.mark.slow
def test_the_published_size_takes_a_training_step() -> None:
    branch = MaskBranch(88).train()
    assert sum(p.numel() for p in branch.parameters()) == pytest.approx(101.8e6, rel=1e-3)
    frames, masks, _, classes = two_frames()
    output = branch(frames[:1])
    assert output.class_logits.shape == (1, 100, 89)
    assert len(output.auxiliary) == 5
    optimizer = torch.optim.AdamW(param_groups(branch, 6e-5, 6e-5, 0.01))
    torch.stack(list(MaskQueryLoss(SilentObjectLoss())(output, masks[:1], classes[:1]).values())).sum().backward()
    assert all(p.grad is not None for p in branch.parameters() if p.requires_grad)
    optimizer.step()
