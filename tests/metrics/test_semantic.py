import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.metrics import SemanticScore
from avseg.utils.errors import UserError
from tests.metrics import reference


def _logits(predicted: torch.Tensor, classes: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(predicted, classes).movedim(-1, -3).float()


@settings(max_examples=20, deadline=None)
@given(clips=st.integers(1, 3), classes=st.integers(2, 6), seed=st.integers(0, 999))
def test_equals_the_definition(clips: int, classes: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    # few labels per frame, so that classes are missing in some frames, or in all
    predicted, target = (
        torch.randint(0, classes, (2, clips, 3, 1, 1), generator=generator)
        * torch.randint(0, 2, (2, clips, 3, 4, 5), generator=generator)
    ).unbind()
    expected = reference.semantic(predicted.flatten(0, 1), target.flatten(0, 1), classes)
    for score, value in zip(("iou", "f_score"), expected, strict=True):
        metric = SemanticScore(score, num_classes=classes)  # type: ignore[arg-type]
        metric.update(_logits(predicted, classes), target, index=torch.arange(clips))
        assert metric.compute().item() == pytest.approx(value, rel=1e-6)


def test_71_classes_of_which_few_occur() -> None:
    target = torch.zeros(1, 2, 4, 4, dtype=torch.long)
    target[0, :, 0] = 70
    metric = SemanticScore()
    metric.update(_logits(target, 71), target)
    assert metric.compute().item() == pytest.approx(2 / 71)


def test_padded_frames_count_or_not() -> None:
    target = torch.zeros(1, 10, 2, 2, dtype=torch.long)
    target[0, :5, 0] = 1
    predicted = target.clone()
    predicted[0, :5] = 0  # misses the object; the padded frames are all background
    valid = torch.arange(10)[None] < 5
    official, real = SemanticScore(num_classes=2), SemanticScore(num_classes=2, count_padded=False)
    for metric in (official, real):
        metric.update(_logits(predicted, 2), target, valid=valid)
    assert official.compute().item() == pytest.approx((0.75 + 0) / 2)
    assert real.compute().item() == pytest.approx((0.5 + 0) / 2)


def test_errors() -> None:
    with pytest.raises(UserError, match="did you mean 'f_score'"):
        SemanticScore("fscore")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="K 71"):
        SemanticScore().update(torch.zeros(1, 70, 4, 4), torch.zeros(1, 4, 4))
