"""The scripts of examples/ run on the data that they make."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
SCRIPTS = sorted((TOP / "examples").glob("*.py"))
EXPECTED = {
    "own_model": "torch.Size([5, 48, 64])",
    "predict_video": "['masks', 'overlay.mp4', 'scores.json']",
    "score_masks": "J (mIoU)",
    "train": "shuffled   mIoU",
}


def test_each_script_is_expected() -> None:
    assert {script.stem for script in SCRIPTS} == set(EXPECTED)


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_runs(script: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert EXPECTED[script.stem] in done.stdout
