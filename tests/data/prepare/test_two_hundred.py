"""The whole way at size: two hundred videos of all kinds by the command, killed in the middle, run again."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.data.prepare.make_raw import BROKEN, REASONS, make_folder
from tests.data.prepare.trees import clip_name, drawn_numbers, expected_numbers, tree

COUNT = 194


def _command(folder: Path, out: Path) -> list[str]:
    words = ["data", "prepare", str(folder), "--out", str(out), "--size", "64", "--jobs", "2"]
    return [sys.executable, "-m", "avseg", *words]


@pytest.mark.slow
def test_two_hundred_videos(tmp_path: Path) -> None:
    raws = make_folder(tmp_path / "raw", COUNT)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run = subprocess.run(_command(tmp_path / "raw", whole), capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stderr
    assert f"{COUNT} of 200 videos prepared, 6 failed" in run.stdout

    report = json.loads((whole / "report.json").read_text())
    assert set(report["failures"]) == {f"{name}.mp4" for name in BROKEN}
    for name, reason in REASONS.items():
        assert f"{name}.mp4" in run.stdout
        assert re.search(reason, report["failures"][f"{name}.mp4"])
    for raw in raws:
        assert drawn_numbers(whole, clip_name(raw), raw.rotation) == expected_numbers(raw.official), raw

    child = subprocess.Popen(_command(tmp_path / "raw", killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    marks = killed / ".prepare/done/test"
    while len(list(marks.glob("*.json"))) < COUNT // 3 and child.poll() is None:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    finished = {path: path.stat().st_mtime_ns for path in marks.glob("*.json")}
    assert len(finished) < COUNT
    again = subprocess.run(_command(tmp_path / "raw", killed), capture_output=True, text=True, check=False)
    assert f"({len(finished)} of them earlier)" in again.stdout
    assert all(path.stat().st_mtime_ns == changed for path, changed in finished.items())
    assert tree(killed) == tree(whole)
