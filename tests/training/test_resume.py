"""Four epochs straight equal two epochs, kill -9, and the same command again: to the last digit."""

import signal
import time

import torch

from avseg.training.callbacks import BestAndLast
from tests.fresh_process import start_avseg
from tests.runs_for_tests import SMALL, avseg


def _words(ms3_root, outputs):
    return [
        "train",
        *SMALL,
        f"data.root={ms3_root}",
        f"paths.outputs={outputs}",
        "trainer.max_epochs=4",
        "callbacks=none",
    ]


def _kill_after_epochs(words, outputs, epochs):
    """Starts the command in a process of its own and kills it once `epochs` rows are written and the checkpoint is."""
    # drawing a panel every epoch would only slow the test; a tiny sleep per epoch gives the killer its moment
    process = start_avseg(words)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.running:
        tables = list(outputs.glob("*/*/seed=*/metrics.csv"))
        if (
            tables
            and len(tables[0].read_text().splitlines()) > epochs
            and list(outputs.glob("*/*/seed=*/checkpoints/last.ckpt"))
        ):
            break
        time.sleep(0.005)
    assert process.running, process.end().err
    process.send_signal(signal.SIGKILL)
    process.end()


def test_killed_and_continued_equals_straight(ms3_root, tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    first = avseg(_words(ms3_root, straight), straight)
    assert first.code == 0, first.err
    _kill_after_epochs(_words(ms3_root, broken), broken, 2)
    assert not list(broken.glob("*/*/seed=*/result.json"))
    second = avseg(_words(ms3_root, broken), broken)
    assert second.code == 0, second.err
    for name in ("metrics.csv", "per_clip.csv", "result.json"):
        assert (second.run / name).read_text() == (first.run / name).read_text(), name
    assert '"resumed": 1' in (second.run / "manifest.json").read_text()


def test_a_moved_run_remembers_its_best_score(trained, tmp_path):
    """Else a worse epoch after the move would replace best.ckpt."""
    states = torch.load(trained.run / "checkpoints/last.ckpt", weights_only=True)["callbacks"]
    (state,) = (state for name, state in states.items() if name.startswith("BestAndLast") and "val/miou" in name)
    moved = BestAndLast(tmp_path, monitor="val/miou")
    moved.load_state_dict(state)
    assert moved.best_model_score == state["best_model_score"] is not None
    assert moved.best_k_models == {str(tmp_path / "best.ckpt"): state["best_model_score"]}
    assert moved.best_model_path == moved.kth_best_model_path == str(tmp_path / "best.ckpt")


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    command = avseg(["train", *SMALL, "data.root=~/AVSBench"])
    assert f"data root {tmp_path}/AVSBench does not exist" in command.err
