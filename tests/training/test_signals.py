"""SIGTERM in the middle of a run: it ends at once with 143, nothing is torn, and the same command continues."""

import os
import signal
import time
from pathlib import Path

import pytest
import torch

from avseg.training.signals import WholeCheckpoints, stoppable
from tests.fresh_process import Ended, start_avseg
from tests.runs_for_tests import SMALL, avseg


def words(ms3_root: Path, outputs: Path, epochs: int) -> list[str]:
    settings = [f"data.root={ms3_root}", f"paths.outputs={outputs}", "callbacks=none", "data.num_workers=0"]
    return ["train", *SMALL, *settings, "data.batch_size=4", f"trainer.max_epochs={epochs}"]


def saved(outputs: Path) -> list[int]:
    """When the last epoch was."""
    return [path.stat().st_mtime_ns for path in outputs.rglob("last.ckpt")]


def terminated(command: list[str], outputs: Path) -> Ended:
    """Starts a command, and sends its first process SIGTERM once an epoch more is saved."""
    before = saved(outputs)
    process = start_avseg(command)
    until = time.monotonic() + 200
    while process.running and time.monotonic() < until and saved(outputs) == before:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    return process.end(timeout=60)


@pytest.mark.parametrize("trainer", ["cpu", pytest.param("ddp_cpu", marks=pytest.mark.slow)])
def test_sigterm_ends_a_run_that_the_same_command_continues(ms3_root, tmp_path, trainer):
    many = [*words(ms3_root, tmp_path, 2000), f"trainer={trainer}"]
    done = terminated(many, tmp_path)
    assert done.code == 143, done.err
    assert "Traceback" not in done.err
    assert "the same command again continues" in done.err
    (run,) = tmp_path.glob("*/*/seed=*")
    assert not (run / "result.json").exists()
    assert not [path for path in tmp_path.rglob("*") if ".part" in path.name]
    reached = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["epoch"]
    rows = (run / "metrics.csv").read_text().splitlines()
    assert len(rows) - 1 in (reached + 1, reached + 2)  # the csv is never behind the checkpoint
    again = terminated(many, tmp_path)
    assert again.code == 143, again.err
    assert "continues from" in again.err
    assert torch.load(run / "checkpoints/last.ckpt", weights_only=True)["epoch"] > reached


def test_stopped_while_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A checkpoint that is being written leaves the old one as it was, and nothing beside it."""
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"epoch": 1}, path)
    real = Path.write_bytes

    def stopped(self: Path, content: bytes) -> int:
        real(self, bytes(content)[:10])
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("the signal came too late")

    monkeypatch.setattr(Path, "write_bytes", stopped)
    with pytest.raises(SystemExit) as caught, stoppable():
        WholeCheckpoints().save_checkpoint({"epoch": 2}, path)
    assert caught.value.code == 143
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.ckpt"]
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_ctrl_c_stays_what_it_was():
    with pytest.raises(KeyboardInterrupt), stoppable():
        raise KeyboardInterrupt


def test_a_full_disk_is_told(ms3_root, tmp_path, monkeypatch):
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    done = avseg(words(ms3_root, tmp_path, 1), tmp_path)
    assert done.code == 2
    assert "no space left on the disk" in done.err
    assert not list(tmp_path.rglob("*.ckpt"))
