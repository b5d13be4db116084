import math

import pytest
import torch
from torch.nn import functional

from avseg.models.avs.loss import MaskLoss
from tests.golden_recipe import arr, blob_masks, golden

ALL = torch.ones(2, 5, dtype=torch.bool)
FIRST = torch.tensor([[True, False, False, False, False]] * 2)


def _clips() -> tuple[torch.Tensor, torch.Tensor]:
    logits = arr("pred", (10, 1, 64, 64), 3).view(2, 5, 1, 64, 64)
    return logits, blob_masks(10, 64, 64, 3).view(2, 5, 64, 64).to(torch.uint8)


def test_ms3_golden() -> None:
    expected = golden()["loss_ms3_kl_0123"][1].item()
    assert MaskLoss()(*_clips(), ALL).item() == pytest.approx(expected, rel=1e-5)


def test_s4_golden() -> None:
    expected = golden()["loss_s4_first_frame"].item()
    assert MaskLoss()(*_clips(), FIRST).item() == pytest.approx(expected, rel=1e-5)


def test_any_nonzero_mask_is_sounding() -> None:
    logits, masks = _clips()
    assert torch.equal(MaskLoss()(logits, masks * 255, ALL), MaskLoss()(logits, masks, ALL))


def test_frames_without_label_pass_no_gradient() -> None:
    logits, masks = _clips()
    logits = logits.clone().requires_grad_()
    MaskLoss()(logits, masks, FIRST).backward()
    assert logits.grad is not None
    assert logits.grad[:, 0].abs().sum() > 0
    assert logits.grad[:, 1:].abs().sum() == 0


def test_classes_average_per_frame_then_over_annotated_frames() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 7, 6, 5, generator=generator)
    masks = torch.randint(0, 7, (2, 3, 6, 5), generator=generator, dtype=torch.uint8)
    annotated = torch.tensor([[True, False, False], [True, True, True]])
    frames = [
        functional.cross_entropy(logits[b, t][None], masks[b, t][None].long())
        for b in range(2)
        for t in range(3)
        if annotated[b, t]
    ]
    assert MaskLoss()(logits, masks, annotated).item() == pytest.approx(torch.stack(frames).mean().item(), rel=1e-6)


@pytest.mark.parametrize("classes", [1, 4])
def test_no_annotated_frame_is_zero_with_graph(classes: int) -> None:
    logits = torch.randn(1, 5, classes, 4, 4, requires_grad=True)
    loss = MaskLoss()(logits, torch.zeros(1, 5, 4, 4, dtype=torch.uint8), torch.zeros(1, 5, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("classes", [1, 4])
def test_float32_under_autocast(classes: int) -> None:
    # 1e-4 next to 1 is lost in bfloat16: the sum over many pixels would drift
    logits = torch.full((1, 1, classes, 64, 64), 0.0).bfloat16()
    masks = torch.zeros(1, 1, 64, 64, dtype=torch.uint8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = MaskLoss()(logits, masks, torch.ones(1, 1, dtype=torch.bool))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(max(2, classes)), rel=1e-6)


def test_huge_logits_stay_finite() -> None:
    logits = torch.full((1, 1, 1, 4, 4), 200.0)
    masks = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    assert MaskLoss()(logits, masks, torch.ones(1, 1, dtype=torch.bool)).item() == pytest.approx(200.0)
