"""The benchmark of the annotation tool runs; its times are not checked."""

import json
from pathlib import Path

import pytest

from benchmarks import bench_annotate


@pytest.mark.slow
def test_it_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not bench_annotate.CHROMIUM.exists():
        pytest.skip(f"{bench_annotate.CHROMIUM} is not installed")
    assert bench_annotate.main(["--small", "--out", str(tmp_path / "results.json")]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert len(results) == 16
    assert all(value > 0 for value in results.values())
    assert "click to mask, median (ms)" in capsys.readouterr().out
