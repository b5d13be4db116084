"""The steps and components run in both forms, and operations are counted; times are not checked."""

import pytest
import torch
from benchmarks.measure import count_flops, peak_flops
from torch import nn

from benchmarks import bench_parts, bench_train_step


@pytest.mark.parametrize("groups", [1, 8])
def test_operations_of_convolutions_of_every_kind(groups: int) -> None:
    layer, x = nn.Conv2d(8, 8, 3, padding=1, groups=groups), torch.randn(2, 8, 6, 5, requires_grad=True)
    forward = 2 * (2 * 8 * 6 * 5) * (8 // groups * 9)
    with torch.no_grad():
        assert count_flops(lambda: layer(x)) == forward
    assert count_flops(lambda: layer(x).sum().backward()) == 3 * forward
    assert count_flops(lambda: layer(x.detach()).sum().backward()) == 2 * forward


def test_a_peak_is_measured() -> None:
    assert peak_flops("cpu", 64) > 0


@pytest.mark.parametrize("setting", ["ms3", pytest.param("s4", marks=pytest.mark.slow), "evaluate"])
def test_each_step_agrees_in_both_forms_and_has_fewer_operations(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`compare` refuses forms that disagree."""
    # 72 million weights take seconds
    monkeypatch.setattr(bench_train_step, "_sound_encoder", lambda _: lambda patches: patches.flatten(2)[..., :128])
    (time,) = bench_train_step.compare(1, 32, "test_resnet", 1, "cpu", setting)
    assert len(time.ours) == len(time.published) == 1
    assert time.flops is not None
    assert time.flops[0] < time.flops[1]


def test_forms_that_disagree_are_refused() -> None:
    with pytest.raises(RuntimeError, match=r"a step: the two forms disagree by .* in the loss"):
        bench_train_step._first("a step", lambda: {"loss": torch.ones(1)}, lambda: {"loss": torch.ones(1) + 0.1}, "cpu")


def test_all_parts_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_parts, "VGGish", lambda: nn.Flatten(2))
    comparisons = bench_parts.measure(1, "cpu", small=True)
    names = " ".join(comparison.name for comparison in comparisons)
    assert all(word in names for word in ("encoder", "neck", "decoder", "sound", "TPAVI"))
    assert [comparison.x for comparison in comparisons if comparison.curve == "TPAVI: time over T"] == [5, 10]


def test_the_quadratic_form_is_left_out_where_it_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (1, 8, 4, 4)
    monkeypatch.setattr(bench_parts, "_memory", lambda form, *_: {"linear": 1.0, "quadratic": 9.0}[form])
    monkeypatch.setattr(bench_parts, "_free_memory", lambda _: 2 * 2 * 4 * (2 * 4 * 4) ** 2 + 1)
    time, memory, long_time, long_memory = bench_parts.tpavi((2, 3), shape, 1, "cpu")
    assert memory.ratio == 9
    assert len(time.published) == 1
    assert not long_time.published
    assert not long_memory.published
    assert long_time.curve == time.curve
