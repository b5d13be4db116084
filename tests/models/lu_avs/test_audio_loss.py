import math

import pytest
import torch

from avseg.models.lu_avs.audio_loss import SoundLoss


def test_mean_over_valid_seconds_and_classes_in_loops() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(2, 4, 3, generator=generator), torch.randint(2, (2, 4, 3), generator=generator)
    valid = torch.tensor([[True, True, True, False], [True, False, False, False]])
    weights = [1.0, 2.0, 5.0]
    terms = []
    for b, s, k in torch.cartesian_prod(torch.arange(2), torch.arange(4), torch.arange(3)).tolist():
        if valid[b, s]:
            p = 1 / (1 + math.exp(-logits[b, s, k].item()))
            terms.append(-weights[k] * math.log(p) if targets[b, s, k] else -math.log(1 - p))
    expected = sum(terms) / len(terms)
    assert SoundLoss(weights)(logits, targets, valid).item() == pytest.approx(expected, rel=1e-5)


def test_padded_seconds_have_no_gradient() -> None:
    logits = torch.randn(1, 3, 2, requires_grad=True)
    SoundLoss()(logits, torch.ones(1, 3, 2), torch.tensor([[True, False, False]])).backward()
    assert logits.grad is not None
    assert logits.grad[0, 0].all()
    assert not logits.grad[0, 1:].any()


def test_no_valid_second_is_zero_with_graph() -> None:
    logits = torch.randn(1, 3, 2, requires_grad=True)
    loss = SoundLoss()(logits, torch.ones(1, 3, 2), torch.zeros(1, 3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None


def test_float32_under_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = SoundLoss(3.0)(torch.zeros(1, 1, 1).bfloat16(), torch.ones(1, 1, 1), torch.ones(1, 1) > 0)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(3 * math.log(2))


def test_the_weight_is_not_in_checkpoints() -> None:
    assert SoundLoss([1.0, 2.0]).state_dict() == {}
