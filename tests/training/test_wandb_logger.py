"""`logger=wandb_offline`: one wandb run per job, whatever happens to the job."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import wandb

from avseg.config.compose import compose_train
from avseg.config.schema import LoggerConfig
from avseg.runs import RunDirectory, run_id
from avseg.training.wandb_logger import RunLogger, columns
from avseg.utils.errors import UserError
from tests.runs_for_tests import SMALL, Command, avseg
from tests.training.test_resume import _kill_after_epochs
from tests.training.wandb_file import OfflineRun, folders, read_offline_run


def words(ms3_root: Path, outputs: Path, *more: str) -> list[str]:
    where = [f"data.root={ms3_root}", f"paths.outputs={outputs}", "logger=wandb_offline", "callbacks=default"]
    return ["train", *SMALL, *where, *more]


def only_run(run: Path) -> OfflineRun:
    """Read the run that has ended; a process of wandb writes its file, on a busy machine a little later."""
    (folder,) = folders(run)
    deadline = time.monotonic() + 5
    offline = read_offline_run(folder)
    while offline.exit_code is None and time.monotonic() < deadline:
        time.sleep(0.1)
        offline = read_offline_run(folder)
    return offline


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def check_history(offline: OfflineRun, run: Path) -> None:
    """Each epoch once, in order, at its step, with the numbers of metrics.csv."""
    assert offline.epochs == [int(row["epoch"]) for row in rows(run)] == list(range(len(offline.epochs)))
    for row, expected in zip(offline.history, rows(run), strict=False):
        assert row.get("_step", 0) == row["epoch"]
        for name in expected.keys() - {"epoch", "step"}:
            assert row[name] == pytest.approx(float(expected[name]), rel=1e-7), name


def test_the_run_is_named_by_what_it_is(logged: Command, offline: OfflineRun) -> None:
    name = run_id(compose_train(logged.words[1:]))
    assert offline.run.run_id == f"default-{name}"  # another experiment may hold the same science
    assert (offline.run.display_name, offline.run.run_group, offline.run.job_type) == (name, "default", "train")
    assert set(offline.run.tags) == {"toy_ms3", "default"}
    assert offline.exit_code == 0


def test_columns_are_flat_and_the_science_nested(offline: OfflineRun) -> None:
    expected = {
        "data": "toy_ms3",
        "model": "avs",
        "fusion": "s1234",
        "init": "scratch",
        "seed": 123,
        "experiment": "default",
    }
    assert {name: offline.config[name] for name in expected} == expected
    assert offline.config["backbone"] == "test_efficientnet"
    assert offline.config["science"]["fusion"] == {"stages": [1, 2, 3, 4], "mode": "audio", "scope": "clip"}
    assert offline.config.keys() - {"_wandb"} == {*expected, "backbone", "science"}


@pytest.mark.parametrize(
    ("fusion", "expected"), [("none", "none"), ("stage_1", "s1"), ("stages_34", "s34"), ("frame_1234", "s1234_frame")]
)
def test_the_column_fusion(fusion: str, expected: str) -> None:
    flat = columns(compose_train([f"fusion={fusion}", "backbone=efficientnet_lite0"]))
    assert flat["fusion"] == expected


def test_the_history_is_metrics_csv(logged: Command, offline: OfflineRun) -> None:
    check_history(offline, logged.run)
    assert len(offline.history) == 3  # two epochs and the pictures of the test


def test_the_summary_is_that_of_the_selected_checkpoint(logged: Command, offline: OfflineRun) -> None:
    scores = json.loads((logged.run / "result.json").read_text())["scores"]
    assert offline.summary["test/miou"] == pytest.approx(scores["own"]["miou"])
    assert offline.summary["test/silence/g_miou"] == pytest.approx(scores["silence"]["g_miou"])
    curve = [float(row["val/miou"]) for row in rows(logged.run)]
    assert offline.summary["val/miou"] == {"max": max(curve)}
    assert offline.summary["best/epoch"] == curve.index(max(curve))


def test_offline_is_a_setting_of_its_own() -> None:
    """The tests' environment would keep wandb offline anyway; a user's does not."""
    assert compose_train(["logger=wandb_offline"]).logger.offline is True
    assert compose_train(["logger=wandb"]).logger.offline is False
    assert compose_train([]).logger is None


def test_nothing_is_left_outside_of_the_run(logged: Command) -> None:
    everything = {path for path in logged.outputs.rglob("*") if path.is_file()}
    assert everything == {path for path in logged.run.rglob("*") if path.is_file()}


def test_wandb_itself_says_nothing(logged: Command) -> None:
    assert "wandb" not in logged.out + logged.err


def test_a_complete_run_opens_no_second_one(logged: Command) -> None:
    again = avseg(logged.words, logged.outputs)
    assert again.code == 0, again.err
    assert len(folders(logged.run)) == 1


def test_the_logger_is_no_part_of_the_science(logged: Command) -> None:
    """The same run with csv alone is the same run, and is complete already."""
    plain = avseg([word for word in logged.words if not word.startswith("logger=")], logged.outputs)
    assert plain.code == 0, plain.err
    assert plain.run == logged.run


def test_csv_alone_opens_no_dashboard(trained: Command) -> None:
    assert not list(trained.outputs.rglob("wandb"))


@pytest.mark.slow
def test_two_runs_in_one_process_do_not_merge(logged: Command, ms3_root: Path, tmp_path: Path) -> None:
    other = avseg(words(ms3_root, tmp_path, "seed=7", "debug=one_batch", "logger.table=0"), tmp_path)
    assert other.code == 0, other.err
    offline = only_run(other.run)
    assert offline.run.run_id.endswith("-s7")
    assert offline.epochs == [0]
    assert only_run(logged.run).epochs == [0, 1]


def test_an_interrupted_run_is_written_again(logged: Command, tmp_path: Path) -> None:
    """Stopped before its result: what wandb had goes, and the epochs come back from metrics.csv, each once."""
    outputs = tmp_path / "outputs"
    shutil.copytree(logged.outputs, outputs, symlinks=True)
    (result,) = outputs.glob("*/*/seed=*/result.json")
    result.unlink()
    metrics = result.with_name("metrics.csv")
    text = metrics.read_text()
    metrics.write_text(text + text.splitlines()[-1].replace("1,", "2,", 1) + "\n")  # its checkpoint was not written yet
    again = avseg([word.replace(str(logged.outputs), str(outputs)) for word in logged.words], outputs)
    assert again.code == 0, again.err
    metrics.write_text(text)
    offline = only_run(again.run)
    check_history(offline, again.run)
    assert offline.exit_code == 0
    for row in offline.history[:2]:
        assert (offline.media / row["val/panels.path"]).is_file()
    assert "test/miou" in offline.summary


class Resumed:
    """A run that wandb continues online: it has the first epoch, and goes on at the second step."""

    def __init__(self) -> None:
        self.step = 1
        self.rows: list[tuple[int, dict[str, float]]] = []

    def log(self, values: dict[str, float], *, step: int, commit: bool) -> None:
        self.rows.append((step, values))
        self.step = step + commit


def test_a_run_resumed_online_gets_what_it_lacks(logged: Command) -> None:
    experiment = Resumed()
    RunLogger(LoggerConfig(), experiment=experiment).replay(RunDirectory(logged.run), epochs=2)
    ((step, values),) = experiment.rows
    assert step == values["epoch"] == 1
    assert values["val/miou"] == float(rows(logged.run)[1]["val/miou"])
    assert "val/panels" in values


def test_an_error_is_seen_in_the_dashboard(ms3_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise UserError("broken")

    monkeypatch.setattr("avseg.training.fit.test_run", broken)
    command = avseg(words(ms3_root, tmp_path, "debug=one_batch"), tmp_path)
    assert command.code == 2
    assert only_run(command.run).exit_code == 1


def test_an_error_of_wandb_costs_the_dashboard_alone(
    ms3_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise wandb.errors.CommError("the network is gone")

    monkeypatch.setattr("wandb.sdk.wandb_run.Run.log", broken)
    command = avseg(words(ms3_root, tmp_path, "debug=one_batch"), tmp_path)
    assert command.code == 0, command.err
    assert (command.run / "result.json").is_file()
    assert caplog.text.count("the network is gone") == 1


@pytest.mark.slow
def test_a_missing_login_is_told_in_one_line(ms3_root: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    environment["HOME"] = str(tmp_path)
    command = [sys.executable, "-m", "avseg", *words(ms3_root, tmp_path), "logger=wandb"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("avseg: error: wandb cannot start (no login, `wandb login` makes one); use logger=wandb_off")


@pytest.mark.parametrize("word", ["logger.clips=50", "logger.table=-1", "logger.every_n_epochs=0"])
def test_numbers_out_of_range(ms3_root: Path, tmp_path: Path, word: str) -> None:
    command = avseg(words(ms3_root, tmp_path, word), tmp_path)
    assert command.code == 2
    assert f"{word} must be between" in command.err


@pytest.mark.slow
def test_killed_and_continued_is_one_run(ms3_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_SERVICE", raising=False)  # else the killed process has used that of this one
    command = words(ms3_root, tmp_path, "trainer.max_epochs=4", "logger.clips=1", "logger.table=1", "logger.videos=0")
    _kill_after_epochs(command, tmp_path, 2)
    again = avseg(command, tmp_path)
    assert again.code == 0, again.err
    offline = only_run(again.run)
    check_history(offline, again.run)
    assert offline.epochs == [0, 1, 2, 3]
    assert offline.exit_code == 0


@pytest.mark.slow
def test_two_processes_open_one_run(ms3_root: Path, tmp_path: Path) -> None:
    small = ["trainer=ddp_cpu", "trainer.enable_progress_bar=false", "data.batch_size=4", "trainer.max_epochs=1"]
    command = [sys.executable, "-m", "avseg", *words(ms3_root, tmp_path, *small)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    (result,) = tmp_path.glob("*/*/seed=*/result.json")
    assert len(list(tmp_path.rglob("*.wandb"))) == 1
    offline = only_run(result.parent)
    check_history(offline, result.parent)
    assert offline.exit_code == 0
    assert "test/clips.nrows" in offline.history[-1]
