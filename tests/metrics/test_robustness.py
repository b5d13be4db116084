from statistics import harmonic_mean

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avseg.metrics import FalsePositiveShare, false_positive_share, g_miou
from tests.metrics import reference


def test_share_of_predicted_pixels() -> None:
    logits, target = reference.clips(3)
    expected = (logits.sigmoid() > 0.5).double().mean((2, 3))
    assert false_positive_share(logits).tolist() == pytest.approx(expected.flatten().tolist())
    metric = FalsePositiveShare()
    metric.update(logits, target, index=torch.tensor([5, 1, 2]))
    assert metric.compute().item() == pytest.approx(expected.mean().item())
    assert metric.per_clip()[5] == pytest.approx(expected[0].mean().item())


@given(plus=st.floats(0.01, 1), minus=st.floats(0, 0.99))
def test_g_miou_is_the_harmonic_mean(plus: float, minus: float) -> None:
    assert g_miou(torch.tensor(plus, dtype=torch.float64), minus) == pytest.approx(harmonic_mean([plus, 1 - minus]))


def test_g_miou_of_a_model_that_ignores_the_sound() -> None:
    assert g_miou(0.8, 0.8) == pytest.approx(0.32)
    assert g_miou(0.0, 1.0) == 0
