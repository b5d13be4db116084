"""A run whose numbers are no longer finite stops in one line: failed, without a score and without its checkpoint."""

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from avseg.data.avsbench.layout import MS3Layout
from avseg.models.avs.module import AVSModule
from avseg.models.base import Losses, LossTerm
from avseg.runs import RunDirectory
from avseg.runs.lock import last_end
from avseg.sweep import State, state_of
from tests.runs_for_tests import SMALL, Command, avseg

QUIET = ["callbacks=none", "data.num_workers=0", "trainer.max_epochs=2"]


def train(root: Path, outputs: Path, *words: str) -> Command:
    return avseg(["train", *SMALL, *QUIET, f"data.root={root}", f"paths.outputs={outputs}", *words], outputs)


def assert_failed(command: Command, *texts: str) -> None:
    assert command.code == 2, command.out
    (line,) = command.err.strip().splitlines()
    for text in texts:
        assert text in line
    run = RunDirectory(command.run)
    assert not run.complete
    assert state_of(run) is State.FAILED
    end = last_end(run)
    assert end is not None
    assert texts[0] in end.error


def patch_loss(monkeypatch: pytest.MonkeyPatch, change: Callable[[AVSModule, torch.Tensor], torch.Tensor]) -> None:
    original = AVSModule.loss

    def loss(self, prediction, clip):
        losses = original(self, prediction, clip)
        extra = LossTerm(change(self, prediction.logits))
        return Losses({**losses.terms, "extra": extra})

    monkeypatch.setattr(AVSModule, "loss", loss)


def damage_sound(root: Path, clip: str) -> None:
    """Put a NaN into one number of the log-mel file of a clip."""
    layout = MS3Layout(root)
    for entry in layout.read_index():
        path = layout.log_mel(entry)
        path.parent.mkdir(parents=True, exist_ok=True)
        patches = torch.randn(5, 1, 96, 64)
        if entry.name == clip:
            patches[2, 0, 5, 5] = float("nan")
        path.write_bytes(pickle.dumps(patches))


@pytest.mark.parametrize("words", [[], ["trainer.precision=bf16-mixed"]])
def test_a_learning_rate_that_is_far_too_high(ms3_root: Path, tmp_path: Path, words: list[str]) -> None:
    command = train(ms3_root, tmp_path, "optimizer.lr=1e12", *words)
    assert_failed(command, "diverged in epoch 0", "the loss is nan since step 1", "optimizer.lr (it is 1e+12)")
    assert ("trainer.precision=32-true" in command.err) == bool(words)
    assert not (command.run / "checkpoints").exists()
    assert train(ms3_root, tmp_path, "optimizer.lr=1e12", *words).code == 2  # again


def test_the_last_good_checkpoint_stays(ms3_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patch_loss(monkeypatch, lambda model, logits: logits.sum() * 0 + (float("inf") if model.current_epoch else 0))
    command = train(ms3_root, tmp_path)
    assert_failed(command, "diverged in epoch 1", "the loss is inf since step 3", "last.ckpt (epoch 0)")
    assert torch.load(command.run / "checkpoints/last.ckpt", weights_only=True)["epoch"] == 0
    assert len((command.run / "metrics.csv").read_text().splitlines()) == 2  # the header and epoch 0


def test_an_infinite_gradient_of_a_finite_loss(ms3_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patch_loss(monkeypatch, lambda _, logits: (logits - logits.detach()).sum().abs().sqrt())
    assert_failed(train(ms3_root, tmp_path), "the gradients are NaN or infinite since step 0", "there is no good")


def test_weights_that_the_optimizer_spoils(ms3_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(self) -> None:
        next(self.parameters()).data.flatten()[0] = float("nan")

    monkeypatch.setattr(AVSModule, "on_validation_epoch_end", spoil)
    assert_failed(train(ms3_root, tmp_path), "1 of its weights are NaN or infinite (")


@pytest.mark.parametrize(("clip", "text"), [("train-2", "the loss is nan"), ("val-1", "predictions of 'val-1' are")])
def test_a_nan_in_one_sound(ms3_root: Path, tmp_path: Path, clip: str, text: str) -> None:
    root = shutil.copytree(ms3_root, tmp_path / "data")
    damage_sound(root, clip)
    command = train(root, tmp_path / "outputs", "data.audio=log_mel")
    assert_failed(command, text, f"the sound of '{clip}' holds NaN", "avseg data check")


def test_a_nan_in_the_test_alone(ms3_root: Path, tmp_path: Path) -> None:
    root = shutil.copytree(ms3_root, tmp_path / "data")
    damage_sound(root, "test-3")
    command = train(root, tmp_path / "outputs", "data.audio=log_mel")
    assert_failed(command, "predictions of 'test-3' and 3 more are NaN", "there are no scores", "the sound of 'test-3'")


def test_an_evaluation_of_damaged_weights(trained: Command, tmp_path: Path) -> None:
    checkpoint = torch.load(trained.run / "checkpoints/best.ckpt", weights_only=True)
    weight = next(name for name in checkpoint["state_dict"] if name.startswith("net.decoder") and "weight" in name)
    checkpoint["state_dict"][weight][:] = float("nan")
    torch.save(checkpoint, tmp_path / "nan.ckpt")
    words = [f"checkpoint={tmp_path / 'nan.ckpt'}", f"out={tmp_path / 'scores'}", "trainer=cpu", "num_workers=0"]
    command = avseg(["evaluate", *words, "trainer.enable_progress_bar=false"])
    assert command.code == 2
    assert "NaN" in command.err
    assert not (tmp_path / "scores").exists()


def test_predictions_are_refused_in_an_evaluation(
    trained: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = AVSModule.decode

    def decode(self, features, clip):
        prediction = original(self, features, clip)
        return replace(prediction, logits=prediction.logits * float("nan"))

    monkeypatch.setattr(AVSModule, "decode", decode)
    words = [f"checkpoint={trained.run}", f"out={tmp_path / 'scores'}", "trainer=cpu", "num_workers=0"]
    command = avseg(["evaluate", *words, "trainer.enable_progress_bar=false"])
    assert command.code == 2
    assert "predictions of 'test-0' and 6 more are NaN or infinite (test); there are no scores" in command.err
    assert not (tmp_path / "scores").exists()


def test_a_sweep_reports_it_as_failed(ms3_root: Path, tmp_path: Path) -> None:
    words = ["-m", *SMALL, *QUIET, "hydra/launcher=basic", f"data.root={ms3_root}", f"paths.outputs={tmp_path}"]
    command = avseg(["train", *words, "experiment=rates", "optimizer.lr=1e12,1e-4"])
    assert command.code == 1
    assert "the training diverged" in command.err
    states = {state_of(RunDirectory(path)) for path in tmp_path.glob("rates/*/seed=*")}
    assert states == {State.FAILED, State.COMPLETE}
    assert "1 failed" in avseg(["status", "rates", "--out", str(tmp_path)]).out


@pytest.mark.slow
@pytest.mark.parametrize("clip", ["train-2", "val-1", "test-3"])
def test_a_nan_in_one_process_stops_both(ms3_root: Path, tmp_path: Path, clip: str) -> None:
    root = shutil.copytree(ms3_root, tmp_path / "data")
    damage_sound(root, clip)
    words = [*SMALL, *QUIET, "data.batch_size=4", "trainer=ddp_cpu", "data.audio=log_mel"]
    words += [f"data.root={root}", f"paths.outputs={tmp_path}/two"]
    command = [sys.executable, "-m", "avseg", "train", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("avseg: error") == 1
    assert f"the sound of '{clip}' holds NaN" in done.stderr
    (end,) = (tmp_path / "two").rglob("logs/*.json")
    assert json.loads(end.read_text())["exit_code"] == 2
    assert not list((tmp_path / "two").rglob("result.json"))
