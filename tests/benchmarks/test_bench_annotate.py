"""The benchmark of the annotation tool runs; it says nothing about how quick it is here."""

import json
from pathlib import Path

import pytest

from benchmarks import bench_annotate


@pytest.mark.slow
def test_it_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not bench_annotate.CHROMIUM.exists():
        pytest.skip(f"{bench_annotate.CHROMIUM} is not installed")
    assert bench_annotate.main(["--small", "--out", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert len(found) == 12
    assert all(value > 0 for value in found.values())
    assert "click to mask, median (ms)" in capsys.readouterr().out
