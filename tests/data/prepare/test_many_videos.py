"""Two hundred videos of all kinds by the command line, killed in the middle, run again."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.data.prepare.prepared_files import clip_name, drawn_numbers, expected_numbers, file_digests
from tests.data.prepare.raw_samples import BROKEN, REASONS, make_folder

COUNT = 194


def _command(folder: Path, out: Path) -> list[str]:
    words = ["data", "prepare", str(folder), "--out", str(out), "--size", "64", "--jobs", "2"]
    return [sys.executable, "-m", "avseg", *words]


@pytest.mark.slow
def test_two_hundred_videos(tmp_path: Path) -> None:
    raws = make_folder(tmp_path / "raw", COUNT)
    complete, killed = tmp_path / "complete", tmp_path / "killed"
    run = subprocess.run(_command(tmp_path / "raw", complete), capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stderr
    assert f"{COUNT} of 200 videos prepared, 6 failed" in run.stdout

    report = json.loads((complete / "report.json").read_text())
    assert set(report["failures"]) == {f"{name}.mp4" for name in BROKEN}
    for name, reason in REASONS.items():
        assert f"{name}.mp4" in run.stdout
        assert re.search(reason, report["failures"][f"{name}.mp4"])
    for raw in raws:
        assert drawn_numbers(complete, clip_name(raw), raw.rotation) == expected_numbers(raw.official), raw

    child = subprocess.Popen(_command(tmp_path / "raw", killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    markers = killed / ".prepare/done/test"
    while len(list(markers.glob("*.json"))) < COUNT // 3 and child.poll() is None:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    finished = {path: path.stat().st_mtime_ns for path in markers.glob("*.json")}
    assert len(finished) < COUNT
    again = subprocess.run(_command(tmp_path / "raw", killed), capture_output=True, text=True, check=False)
    assert f"({len(finished)} of them earlier)" in again.stdout
    assert all(path.stat().st_mtime_ns == changed for path, changed in finished.items())
    assert file_digests(killed) == file_digests(complete)
