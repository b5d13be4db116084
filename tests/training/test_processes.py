"""Two processes give the scores of one, for numbers of clips that do not divide; also as a job of a sweep."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.data.fake import make_avss, make_ms3, make_s4
from tests.fresh_process import start_avseg
from tests.runs_for_tests import SMALL, avseg

MAKE = {"s4": make_s4, "ms3": make_ms3}
QUIET = ["trainer.enable_progress_bar=false", "callbacks=none", "data.num_workers=0"]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "avseg", *words], capture_output=True, text=True, timeout=240)


@pytest.mark.slow
def test_two_processes_score_as_one(trained, tmp_path):
    out = tmp_path / "two"
    words = [f"checkpoint={trained.run}", "batch_size=4", f"out={out}", "trainer=ddp_cpu", QUIET[0]]
    done = start_avseg(["evaluate", *words]).end()
    assert done.code == 0, done.err
    expected = json.loads((trained.run / "result.json").read_text())
    result = json.loads((out / "result.json").read_text())
    assert result["scores"] == expected["scores"]
    assert result["clips"] == expected["clips"] == 7
    assert (out / "per_clip.csv").read_text() == (trained.run / "per_clip.csv").read_text()


def numbers(run: Path) -> dict[str, float]:
    """Everything that a run has written down: each epoch, each clip, each score."""
    found: dict[str, float] = {}
    for name in ("metrics.csv", "per_clip.csv"):
        with (run / name).open(newline="") as file:
            for place, row in enumerate(csv.DictReader(file)):
                for key, value in row.items():
                    if key not in ("video_id", "category"):
                        found[f"{name} {place} {key}"] = float(value)
    scores = json.loads((run / "result.json").read_text())["scores"]
    return found | {f"{sound} {key}": value for sound, row in scores.items() for key, value in row.items()}


def compare(one: Path, two: Path) -> None:
    assert one.parent.name == two.parent.name  # the same science
    expected = numbers(one)
    assert len(expected) > 50
    assert numbers(two) == pytest.approx(expected, rel=1e-4, abs=1e-4)
    weights = [torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for run in (one, two)]
    for name, weight in weights[0].items():
        torch.testing.assert_close(
            weights[1][name], weight, rtol=1e-3, atol=2e-4, msg=lambda text, name=name: name + text
        )


# the last step has three clips for two processes, or one; BatchNorm in the backbone, in the second none but TPAVI's
CASES = {
    "ms3, L_AVM, three left": ("ms3", 7, ["fusion=stages_34"]),
    "ms3, L_AVM, one left": ("ms3", 5, ["fusion=none", "backbone=tiny_convnext"]),
    "s4, euclidean": ("s4", 7, ["model.loss.mapping_weight=0.5", "model.loss.mapping_form=euclidean"]),
    "avss": ("avss", 3, ["fusion=stage_4"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_as_one(case, tmp_path):
    setting, clips, more = CASES[case]
    root = tmp_path / "data"
    if setting == "avss":
        make_avss(root)
    else:
        MAKE[setting](root, {"train": clips, "val": 3, "test": 5})
    words = [
        *SMALL,
        *QUIET,
        f"data=toy_{setting}",
        f"data.root={root}",
        "trainer.max_epochs=2",
        "data.batch_size=4",
        *more,
    ]
    words += ["backbone=tiny"] if "backbone=tiny_convnext" not in more else []
    one = avseg(["train", *words, f"paths.outputs={tmp_path}/one"], tmp_path / "one")
    assert one.code == 0, one.err
    done = command("train", *words, "trainer=ddp_cpu", f"paths.outputs={tmp_path}/two")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run directory") == 1
    (two,) = (tmp_path / "two").glob("*/*/seed=*")
    compare(one.run, two)


@pytest.mark.slow
def test_a_sweep_trains_in_two_processes(ms3_root, tmp_path):
    """Each job starts its second process anew; both write into one directory, and equal a job of one process."""
    words = [
        *SMALL,
        *QUIET,
        "data.batch_size=4",
        f"data.root={ms3_root}",
        "trainer.max_epochs=1",
        "logger=wandb_offline",
    ]
    two = tmp_path / "two"
    done = command("train", "-m", *words, "trainer=ddp_cpu", f"paths.outputs={two}", "seed=1,2")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert len(list(two.rglob("result.json"))) == len(list(two.rglob("seed=*"))) == 2
    assert len(list(two.rglob("*.wandb"))) == 2  # one run in the dashboard for each job
    one = avseg(["train", *words, f"paths.outputs={tmp_path}/one", "seed=1"], tmp_path / "one")
    assert one.code == 0, one.err
    (first,) = two.glob("*/*/seed=1")
    compare(one.run, first)
