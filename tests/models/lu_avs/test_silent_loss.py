import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from avseg.models.lu_avs.silent_loss import SilentObjectLoss, find_unannotated
from avseg.nn.overlap import centre_box_iou, mask_iou
from avseg.utils.errors import UserError

K, Q = 3, 5
CLASSES = [torch.tensor([2, 0]), torch.tensor([1])]
MATCHES = [(torch.tensor([1, 4]), torch.tensor([1, 0])), (torch.tensor([0]), torch.tensor([0]))]


def _case() -> tuple[Tensor, list[Tensor], list[Tensor], list[Tensor]]:
    """Logits, overlaps with annotated objects, overlaps with the teacher's, classes of the videos."""
    generator = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(2, Q, K + 1, generator=generator)
    overlaps = [torch.rand(Q, 2, generator=generator) * 0.4, torch.rand(Q, 1, generator=generator) * 0.4]
    overlaps[0][2, 1] = 0.5  # a duplicate, at the threshold
    overlaps[1][3, 0] = 0.7
    teacher = [torch.zeros(Q, 0), torch.zeros(Q, 3)]
    teacher[1][1, 2] = 0.5  # weight 0, at the threshold
    teacher[1][3, 0] = 0.9  # still a duplicate
    teacher[1][4, 1] = 0.49
    return logits, overlaps, teacher, [torch.tensor([0, 2]), torch.tensor([1, 2])]


def _loss_in_loops(mode: str, elsewhere: bool, floor: float, gamma: float = 1.0, tau: float = 0.5) -> float:
    """Compute the equation in loops over float64 numbers."""
    logits, overlaps, teacher, video_classes = _case()
    top = bottom = 0.0
    for frame in range(2):
        matched = dict(zip(MATCHES[frame][0].tolist(), MATCHES[frame][1].tolist(), strict=True))
        for query in range(Q):
            row = logits[frame, query].double().numpy()
            p = np.exp(row) / np.exp(row).sum()
            if query in matched:
                top += -math.log(p[CLASSES[frame][matched[query]]])
                bottom += 1
                continue
            if mode == "soft":
                w = 1 - (1 - p[K]) ** gamma
            elif mode == "ignore":
                w = 0.0 if 1 - p[K] > tau else 1.0
            elif mode == "teacher":
                w = 0.0 if max([0.0, *teacher[frame][query].tolist()]) >= 0.5 else 1.0
            else:
                w = 1.0
            if elsewhere and mode != "off" and int(np.argmax(p)) in video_classes[frame].tolist():
                w = 0.0
            w = max(w, floor)
            if max(overlaps[frame][query].tolist()) >= 0.5:
                w = 1.0
            top += 0.1 * w * -math.log(p[K])
            bottom += 0.1 * w
    return top / bottom


@pytest.mark.parametrize("floor", [0.0, 0.05])
@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("mode", ["soft", "ignore", "teacher", "off"])
def test_equals_the_equation_in_loops(mode: str, elsewhere: bool, floor: float) -> None:
    logits, overlaps, teacher, video_classes = _case()
    loss = SilentObjectLoss(mode, floor=floor, sounding_elsewhere=elsewhere)  # type: ignore[arg-type]
    value = loss(logits, CLASSES, MATCHES, overlaps, video_classes=video_classes, teacher_overlaps=teacher)
    assert value.item() == pytest.approx(_loss_in_loops(mode, elsewhere, floor), rel=1e-5)


def test_the_modes_differ_in_this_case() -> None:
    values = {_loss_in_loops(mode, e, 0.05) for mode in ("soft", "ignore", "teacher", "off") for e in (False, True)}
    # "off" stays off with `sounding_elsewhere`, and "ignore" does so for any most probable class
    assert len(values) == 6


@pytest.mark.parametrize(("gamma", "tau"), [(2.0, 0.3), (0.5, 0.9)])
def test_gamma_and_tau(gamma: float, tau: float) -> None:
    logits, overlaps, _, _ = _case()
    for mode in ("soft", "ignore"):
        loss = SilentObjectLoss(mode, gamma=gamma, tau=tau)  # type: ignore[arg-type]
        expected = _loss_in_loops(mode, False, 0.05, gamma, tau)
        assert loss(logits, CLASSES, MATCHES, overlaps).item() == pytest.approx(expected, rel=1e-5)


def _their_loss(name: str, logits: Tensor) -> Tensor:
    """The classification loss of `transformers` for the same matching."""
    if name == "maskformer":
        from transformers.models.maskformer.modeling_maskformer import MaskFormerHungarianMatcher, MaskFormerLoss

        theirs = MaskFormerLoss(K, MaskFormerHungarianMatcher(), {}, eos_coef=0.1)
        value: Tensor = theirs.loss_labels(logits, CLASSES, MATCHES)["loss_cross_entropy"]
        return value
    from transformers.loss.loss_for_object_detection import HungarianMatcher, ImageLoss

    image_loss = ImageLoss(HungarianMatcher(), K, 0.1, ["labels"])
    targets = [{"class_labels": labels} for labels in CLASSES]
    value = image_loss.loss_labels({"logits": logits}, targets, MATCHES, 3)["loss_ce"]
    return value


@pytest.mark.parametrize("name", ["maskformer", "detr"])
def test_off_is_the_loss_of_transformers(name: str) -> None:
    logits, overlaps, _, _ = _case()
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    value, expected = SilentObjectLoss("off")(ours, CLASSES, MATCHES, overlaps), _their_loss(name, theirs)
    value.backward()
    expected.backward()
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("mode", ["soft", "ignore", "teacher"])
def test_warm_up_is_off(mode: str) -> None:
    logits, overlaps, teacher, _ = _case()
    loss = SilentObjectLoss(mode, warmup=2)  # type: ignore[arg-type]
    values = [
        loss(logits, CLASSES, MATCHES, overlaps, teacher_overlaps=teacher, elapsed=elapsed).item()
        for elapsed in (0, 1.99, 2, math.inf)
    ]
    off = SilentObjectLoss("off")(logits, CLASSES, MATCHES, overlaps).item()
    assert values[:2] == [off, off]
    assert values[2] == values[3] != off


def test_gradient_flows_through_the_cost_and_not_through_w() -> None:
    logits, overlaps, _, _ = _case()
    logits.requires_grad_()
    loss = SilentObjectLoss("soft")
    loss(logits, CLASSES, MATCHES, overlaps).backward()
    w = loss.weights(logits, overlaps)
    assert not w.requires_grad
    # with w as constants, the gradient of the weighted cross-entropy by autograd
    constant = logits.detach().clone().requires_grad_()
    target = torch.full((2, Q), K)
    target[0, 1], target[0, 4], target[1, 0] = 0, 2, 1
    weight = torch.where(target == K, 0.1 * w, torch.ones(()))
    cost = torch.nn.functional.cross_entropy(constant.transpose(1, 2), target, reduction="none")
    ((weight * cost).sum() / weight.sum()).backward()
    torch.testing.assert_close(logits.grad, constant.grad)


def test_the_floor_keeps_a_new_head_from_collapsing() -> None:
    """All queries are certain of an object: only a floor still pulls them to "no object"."""
    logits = torch.zeros(1, Q, K + 1)
    logits[..., 0] = 9.0
    unmatched: tuple[list[Tensor], list[tuple[Tensor, Tensor]], list[Tensor]] = (
        [torch.zeros(0, dtype=torch.long)],
        [(torch.zeros(0, dtype=torch.long),) * 2],
        [torch.zeros(Q, 0)],
    )
    matched = ([torch.tensor([0])], [(torch.tensor([0]), torch.tensor([0]))], [torch.zeros(Q, 1)])
    pulls = []
    for floor in (0.0, 0.05):
        leaf = logits.clone().requires_grad_()
        SilentObjectLoss("soft", floor=floor)(leaf, *matched).backward()
        assert leaf.grad is not None
        pulls.append(-leaf.grad[0, 1:, K].sum().item())
    assert pulls[1] > 50 * pulls[0] > 0
    assert SilentObjectLoss("ignore", floor=0.0)(logits, *unmatched).item() == 0  # not nan
    assert SilentObjectLoss("soft").weights(logits, unmatched[2]).min() == pytest.approx(0.05)


@pytest.mark.parametrize("mode", ["soft", "off"])
def test_frames_without_objects(mode: str) -> None:
    logits = torch.randn(2, Q, K + 1, requires_grad=True)
    empty = torch.zeros(0, dtype=torch.long)
    loss = SilentObjectLoss(mode)(logits, [empty] * 2, [(empty, empty)] * 2, [torch.zeros(Q, 0)] * 2)  # type: ignore[arg-type]
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert logits.grad.any()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 999), mode=st.sampled_from(["soft", "ignore", "off"]), floor=st.floats(0, 1))
def test_weights_are_between_floor_and_one(seed: int, mode: str, floor: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(2, Q, K + 1, generator=generator)
    overlaps = [torch.rand(Q, 2, generator=generator), torch.rand(Q, 0, generator=generator)]
    w = SilentObjectLoss(mode, floor=floor).weights(logits, overlaps)  # type: ignore[arg-type]
    assert w.shape == (2, Q)
    assert (w >= floor - 1e-6).all()
    assert (w <= 1).all()
    assert (w[0][overlaps[0].amax(1) >= 0.5] == 1).all()


def test_float32_under_autocast() -> None:
    logits, overlaps, _, _ = _case()
    exact = SilentObjectLoss()(logits.bfloat16().float(), CLASSES, MATCHES, overlaps)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = SilentObjectLoss()(logits.bfloat16(), CLASSES, MATCHES, overlaps)
    assert value.dtype == torch.float32
    assert torch.equal(value, exact)


def test_unannotated_objects_of_the_teacher() -> None:
    scores = torch.tensor([0.7, 0.69, 0.9, 0.9])
    overlaps = torch.tensor([[0.1, 0.49], [0.0, 0.0], [0.5, 0.0], [0.0, 0.3]])
    assert find_unannotated(scores, overlaps).tolist() == [True, False, False, True]
    assert find_unannotated(scores, torch.zeros(4, 0)).tolist() == [True, False, True, True]


def test_mask_iou_counts_pixels() -> None:
    logits = torch.tensor([[[1.0, 1], [-1, -1]], [[-1, -1], [-1, -1]], [[1, 1], [1, 1]]])
    annotated = torch.zeros(2, 4, 4, dtype=torch.uint8)
    annotated[0, :2, :2] = 255
    expected = torch.tensor([[0.5, 0.0], [0.0, 0.0], [0.25, 0.0]])
    torch.testing.assert_close(mask_iou(logits, annotated), expected)
    assert mask_iou(logits, annotated[:0]).shape == (3, 0)


def test_box_iou_of_centres_and_sizes() -> None:
    boxes = torch.tensor([[0.5, 0.5, 1.0, 1.0], [0.2, 0.2, 0.0, 0.0]])
    targets = torch.tensor([[0.25, 0.5, 0.5, 1.0], [0.2, 0.2, 0.0, 0.0]])
    torch.testing.assert_close(centre_box_iou(boxes, targets), torch.tensor([[0.5, 0.0], [0.0, 0.0]]))
    assert centre_box_iou(boxes, targets[:0]).shape == (2, 0)


def test_invalid_options() -> None:
    with pytest.raises(UserError, match="did you mean 'soft'"):
        SilentObjectLoss("sof")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"floor is 1\.5"):
        SilentObjectLoss(floor=1.5)
    with pytest.raises(UserError, match="gamma is -1"):
        SilentObjectLoss(gamma=-1)
    logits, overlaps, _, _ = _case()
    with pytest.raises(UserError, match="needs teacher_overlaps"):
        SilentObjectLoss("teacher")(logits, CLASSES, MATCHES, overlaps)
    with pytest.raises(UserError, match="needs video_classes"):
        SilentObjectLoss("soft", sounding_elsewhere=True)(logits, CLASSES, MATCHES, overlaps)
