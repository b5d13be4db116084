"""The losses against those of the official code, and what silent frames teach."""

import pytest
import torch

from avseg.models.avsegformer.loss import mask_loss, mix_loss
from tests.golden_recipe import arr, blob_masks, relative_error
from tests.models.avsegformer.golden import SEED, reference


def terms(logits, mask_feature, masks, annotated, form="dice") -> torch.Tensor:
    main, mix = mask_loss(logits, masks, annotated, form), 0.1 * mix_loss(mask_feature, masks, annotated, form)
    return torch.stack([main + mix, main, mix])


@pytest.mark.parametrize("form", ["dice", "bce"])
@pytest.mark.parametrize("setting", ["s4", "ms3"])
def test_binary_losses_and_gradients_equal_the_official_ones(setting: str, form: str) -> None:
    pred = arr("pred", (10, 1, 64, 64), SEED).requires_grad_()
    feature = arr("mask_feature", (10, 256, 16, 16), SEED).requires_grad_()
    annotated = torch.ones(2, 5, dtype=torch.bool)
    annotated[:, 1:] = setting == "ms3"
    masks = blob_masks(10, 64, 64, SEED).unflatten(0, (2, 5))
    values = terms(pred.unflatten(0, (2, 5)), feature.unflatten(0, (2, 5)), masks, annotated, form)
    assert relative_error(values, reference()[f"loss_{setting}_{form}"]) < 1e-6
    if form == "dice":
        norms = torch.stack([gradient.norm() for gradient in torch.autograd.grad(values[0], [pred, feature])])
        assert relative_error(norms, reference()[f"loss_{setting}_dice_grad_norms"]) < 1e-5


def test_the_semantic_loss_equals_the_official_one() -> None:
    labels = blob_masks(20, 32, 32, SEED) * (1 + 7 * torch.arange(20) % 70)[:, None, None]
    annotated = torch.zeros(2, 10, dtype=torch.bool)
    annotated[0, 0] = annotated[1, :5] = True
    pred = arr("pred71", (20, 71, 32, 32), SEED).unflatten(0, (2, 10))
    feature = arr("mask_feature71", (20, 256, 8, 8), SEED).unflatten(0, (2, 10))
    assert (
        relative_error(terms(pred, feature, labels.unflatten(0, (2, 10)), annotated), reference()["loss_avss"]) < 1e-6
    )


@pytest.mark.parametrize(("form", "learns"), [("dice", False), ("bce", True), ("dice_bce", True)])
def test_silent_frames_teach_with_cross_entropy_only(form: str, learns: bool) -> None:
    logits = torch.ones(1, 2, 1, 8, 8, requires_grad=True)
    loss = mask_loss(logits, torch.zeros(1, 2, 8, 8), torch.ones(1, 2, dtype=torch.bool), form)
    loss.backward()
    assert bool(logits.grad.abs().max() > 0) == learns
    assert form != "dice" or loss.item() == 1


@pytest.mark.parametrize("classes", [1, 3])
def test_a_batch_without_annotated_frames_has_a_zero_that_carries_the_graph(classes: int) -> None:
    logits = torch.randn(1, 2, classes, 8, 8, requires_grad=True)
    feature = torch.rand(1, 2, 4, 2, 2, requires_grad=True)
    values = terms(logits, feature, torch.ones(1, 2, 8, 8), torch.zeros(1, 2, dtype=torch.bool))
    values[0].backward()
    assert values.tolist() == [0, 0, 0]
    assert logits.grad is not None
    assert feature.grad is not None
