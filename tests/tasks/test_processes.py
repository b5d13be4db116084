"""Two processes give the scores of one, for a number of clips that does not divide."""

import json
import subprocess
import sys

import pytest

from tests.runs_for_tests import SMALL


def test_two_processes_score_as_one(trained, tmp_path):
    out = tmp_path / "two"
    words = [
        "evaluate",
        f"checkpoint={trained.run}",
        "batch_size=4",
        f"out={out}",
        "trainer=ddp_cpu",
        "trainer.enable_progress_bar=false",
    ]
    done = subprocess.run([sys.executable, "-m", "avseg", *words], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    expected = json.loads((trained.run / "result.json").read_text())
    result = json.loads((out / "result.json").read_text())
    assert result["scores"] == expected["scores"]
    assert result["clips"] == expected["clips"] == 7
    assert (out / "per_clip.csv").read_text() == (trained.run / "per_clip.csv").read_text()


@pytest.mark.slow
def test_a_sweep_trains_in_two_processes(ms3_root, tmp_path):
    """Each job starts its second process anew, and no process fails or speaks twice."""
    words = [
        *("train", "-m", *SMALL, "trainer=ddp_cpu", "trainer.enable_progress_bar=false", "data.batch_size=4"),
        *(f"data.root={ms3_root}", f"paths.outputs={tmp_path}", "data.epochs=1", "callbacks=none", "seed=1,2"),
    ]
    done = subprocess.run([sys.executable, "-m", "avseg", *words], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.count("run directory") == 2
    assert len(list(tmp_path.glob("*/*/seed=[12]/result.json"))) == 2
