"""Runs of the tiny preset: killed and continued, and in two processes, across the end of the frozen epochs."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.runs_for_tests import avseg
from tests.training.test_processes import numbers
from tests.training.test_resume import _kill_after_epochs

WORDS = (
    "model=toy_avsegformer",
    "model.channels=16",
    "model.queries=4",
    "model.dropout=0.1",
    "model.frozen_epochs=4",
    "data.image_size=32",
    "data.num_workers=0",
    "trainer.max_epochs=12",
    "trainer.enable_progress_bar=false",
    "callbacks=none",
)


@pytest.mark.slow
def test_killed_and_continued_equals_straight(ms3_root: Path, tmp_path: Path) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    words = ["train", *WORDS, f"data.root={ms3_root}"]
    first = avseg([*words, f"paths.outputs={straight}"], straight)
    assert first.code == 0, first.err
    _kill_after_epochs([*words, f"paths.outputs={broken}"], broken, 1)
    assert not list(broken.glob("*/*/seed=*/result.json"))
    second = avseg([*words, f"paths.outputs={broken}"], broken)
    assert second.code == 0, second.err
    for name in ("metrics.csv", "per_clip.csv", "result.json"):
        assert (second.run / name).read_text() == (first.run / name).read_text(), name
    assert '"resumed": 1' in (second.run / "manifest.json").read_text()


@pytest.mark.slow
def test_two_processes_train_as_one(ms3_root: Path, tmp_path: Path) -> None:
    words = [
        "train",
        *WORDS,
        "model.dropout=0",
        "model.frozen_epochs=1",
        "trainer.max_epochs=3",
        # AdamW's first steps are lr times the sign of the gradient at its usual eps: rounding flips a few
        "optimizer.options={eps: 0.01}",
        f"data.root={ms3_root}",
    ]
    one = avseg([*words, f"paths.outputs={tmp_path / 'one'}"], tmp_path / "one")
    assert one.code == 0, one.err
    command = [sys.executable, "-m", "avseg", *words, f"paths.outputs={tmp_path / 'two'}", "trainer=ddp_cpu"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    (two,) = (tmp_path / "two").glob("*/*/seed=*")
    assert numbers(two) == pytest.approx(numbers(one.run), rel=1e-5, abs=1e-6)
    weights = [torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for run in (one.run, two)]
    for name, weight in weights[0].items():
        difference = (weights[1][name] - weight).float().norm()
        assert difference <= 2e-3 * weight.float().norm() + 1e-4, name
