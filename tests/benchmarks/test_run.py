"""The benchmarks run and compare equal things; no test asks how long anything takes."""

import json
from pathlib import Path

import pytest
import torch
from benchmarks.measure import Comparison

from benchmarks import bench_fscore, bench_tpavi, bench_train_step, run


def test_small_run_writes_the_ratios(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)  # the other tests keep theirs
    # the fresh process of each form is left out: its imports take seconds
    monkeypatch.setattr(bench_tpavi, "_memory", lambda form, *_: {"linear": 2.0, "quadratic": 50.0}[form])
    assert run.main(["--small", "--repeats", "2", "--out", str(tmp_path / "bench.json")]) == 0
    report = json.loads((tmp_path / "bench.json").read_text())
    assert [len(c["ours"]) for c in report["comparisons"]] == [2, 1, 2, 2]
    assert report["comparisons"][1]["ratio"] == 25
    assert report["comparisons"][1]["reached"]
    assert "needs a GPU" in capsys.readouterr().out


def test_memory_growth_sees_an_allocation(monkeypatch: pytest.MonkeyPatch) -> None:
    mebibytes = 300
    monkeypatch.setattr(bench_tpavi, "step", lambda *_: lambda: torch.ones(mebibytes, 2**18))
    # other tests' peaks in this process may add to it where the kernel cannot forget them
    assert bench_tpavi._growth("linear", (1, 8, 2, 4, 4), "cpu") > 0.95 * mebibytes


def test_both_fscores_agree_on_the_benchmarks_frames() -> None:
    target = bench_fscore.frames(3, 32, "cpu")[1]
    assert target.flatten(1).any(1).all()
    bench_fscore.measure(3, 32, repeats=1)


def test_train_step_runs_in_both_forms() -> None:
    (time,) = bench_train_step.measure(clips=1, size=32, backbone="resnet18", repeats=1, device="cpu")
    assert len(time.ours) == len(time.published) == 1


def test_ratio_is_the_median_round() -> None:
    comparison = Comparison("x", "ms", [1.0, 2.0, 1.0], [10.0, 10.0, 90.0], target=20)
    assert comparison.ratios == [10, 5, 90]
    assert comparison.ratio == 10
    assert comparison.as_dict()["reached"] is False
