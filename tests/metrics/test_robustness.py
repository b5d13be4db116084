import runpy
from statistics import harmonic_mean
from types import ModuleType

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avseg.metrics import FalsePositiveShare, f_score, false_positive_share, g_miou, localisation
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


@pytest.mark.parametrize("module", [f_score, localisation])
def test_constants_have_values_wherever_the_module_is_first_imported(module: ModuleType) -> None:
    """A model is built on the meta device, and what it needs is imported there."""
    with torch.device("meta"):
        names = runpy.run_path(str(module.__file__))
    tensors = [value for value in names.values() if isinstance(value, torch.Tensor)]
    assert tensors
    assert {tensor.device.type for tensor in tensors} == {"cpu"}
