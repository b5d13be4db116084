"""The benchmarks run and compare equal values; times are not checked."""

import json
from pathlib import Path

import pytest
import torch
from benchmarks.measure import Comparison
from PIL import Image

from benchmarks import bench_fscore, bench_log_mel, bench_tpavi, bench_train_step, history, report, run
from tests.runs_for_tests import avseg

QUICK = ["tpavi", "fscore", "clips", "log_mel"]


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)  # the other tests keep theirs
    # the fresh process of each form is left out: its imports take seconds
    monkeypatch.setattr(bench_tpavi, "_memory", lambda form, *_: {"linear": 2.0, "quadratic": 50.0}[form])


@pytest.mark.usefixtures("_quick")
def test_small_run_writes_the_ratios(tmp_path: Path) -> None:
    result = avseg(["bench", "--small", "--repeats", "2", "--out", str(tmp_path), "--only", *QUICK])
    assert result.code == 0, result.err
    report = json.loads((tmp_path / "benchmarks.json").read_text())
    assert [len(c["ours"]) for c in report["comparisons"]] == [2, 1, 2, 2, 2]
    assert report["comparisons"][1]["ratio"] == 25
    assert report["comparisons"][1]["reached"]
    assert report["peak_flops"] > 1e8
    lines = (tmp_path / "benchmarks.md").read_text().splitlines()
    assert len(lines) == 2 + 5 + 2
    assert ">= 10: yes" in lines[3]
    assert Image.open(tmp_path / "benchmarks.png").width > 800
    assert not (tmp_path / "history.jsonl").exists()  # tiny sizes do not measure speed


@pytest.mark.usefixtures("_quick")
def test_a_slow_down_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 1.0, 3.0])
    monkeypatch.setattr(bench_log_mel, "measure", lambda *_, **__: [Comparison("x", "ms", [next(times)])])
    monkeypatch.setattr(run, "peak_flops", lambda *_: 1e9)
    monkeypatch.setattr(run, "RECORDED", tmp_path / "none.jsonl")
    arguments = ["bench", "--only", "log_mel", "--out", str(tmp_path)]
    assert ["slower" in avseg(arguments).out for _ in range(3)] == [False, False, True]
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 3


@pytest.mark.usefixtures("_quick")
def test_a_failed_part_keeps_the_results_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> list[Comparison]:
        raise RuntimeError("the two forms disagree")

    monkeypatch.setattr(bench_log_mel, "measure", lambda *_, **__: [Comparison("x", "ms", [3.0])])
    monkeypatch.setattr(bench_fscore, "measure", fail)
    result = avseg(["bench", "--small", "--only", "fscore", "log_mel", "--out", str(tmp_path)])
    assert result.code == 1
    assert "failed, see above: fscore" in result.out
    assert "the two forms disagree" in result.err
    assert [c["name"] for c in json.loads((tmp_path / "benchmarks.json").read_text())["comparisons"]] == ["x"]


@pytest.mark.usefixtures("_quick")
def test_recorded_runs_are_compared_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_log_mel, "measure", lambda *_, **__: [Comparison("x", "ms", [3.0])])
    monkeypatch.setattr(run, "peak_flops", lambda *_: 1e9)
    monkeypatch.setattr(run, "RECORDED", tmp_path / "recorded.jsonl")
    old = history.entry([Comparison("x", "ms", [1.0])], report.machine("cpu"), "abc", "before")
    history.append(tmp_path / "recorded.jsonl", old)
    assert "slower: x: 3.00 times" in avseg(["bench", "--only", "log_mel", "--out", str(tmp_path / "out")]).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "trian"], "--only trian: unknown part; did you mean 'train'?; there are startup, clips"),
        (["--repeats", "0"], "--repeats 0 --threads 1: give 1 or more of both"),
    ],
)
def test_errors_are_one_line(arguments: list[str], message: str) -> None:
    result = avseg(["bench", *arguments])
    assert result.code == 2
    assert message in result.err
    assert result.err.count("\n") == 1


@pytest.mark.slow
def test_every_part_runs(tmp_path: Path) -> None:
    result = avseg(["bench", "--small", "--repeats", "1", "--out", str(tmp_path)])
    assert result.code == 0, result.err
    comparisons = json.loads((tmp_path / "benchmarks.json").read_text())["comparisons"]
    assert {"train step: time over batch", "predict on 96p: memory over length"} <= {c["curve"] for c in comparisons}


def test_without_the_source_the_error_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("avseg.cli.bench.__file__", str(tmp_path / "a/b/c/bench.py"))
    result = avseg(["bench", "--small"])
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "needs the source" in result.err


def test_memory_growth_sees_an_allocation(monkeypatch: pytest.MonkeyPatch) -> None:
    mebibytes = 300
    monkeypatch.setattr(bench_tpavi, "step", lambda *_: lambda: torch.ones(mebibytes, 2**18))
    # other tests' peaks in this process may add to it where the kernel cannot forget them
    assert bench_tpavi._growth("linear", (1, 8, 2, 4, 4), "cpu") > 0.95 * mebibytes


def test_both_fscores_agree_on_the_benchmarks_frames() -> None:
    target = bench_fscore.frames(3, 32, "cpu")[1]
    assert target.flatten(1).any(1).all()
    bench_fscore.measure(3, 32, repeats=1)


@pytest.mark.slow  # seconds for VGGish's weights; without them test_parts runs both forms
def test_train_step_runs_in_both_forms() -> None:
    (time,) = bench_train_step.measure(clips=1, size=32, backbone="resnet18", repeats=1, device="cpu")
    assert len(time.ours) == len(time.published) == 1


def test_ratio_is_the_median_round() -> None:
    comparison = Comparison("x", "ms", [1.0, 2.0, 1.0], [10.0, 10.0, 90.0], target=20)
    assert comparison.ratios == [10, 5, 90]
    assert comparison.ratio == 10
    assert comparison.as_dict()["reached"] is False


def test_an_output_that_is_a_file_is_refused_before_measuring(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file/below"):
        result = avseg(["bench", "--small", "--out", str(out), "--only", "unknown"])
        assert (result.code, result.out) == (2, "")
        assert result.err == f"avseg: error: --out {out}: {tmp_path / 'file'} is a file; name a folder\n"
