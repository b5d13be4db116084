"""`avseg train -m` with real trainings: as small as they come."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avseg.runs import RunDirectory
from avseg.runs.lock import holder
from avseg.sweep import State, plan, state_of
from tests.runs_for_tests import SMALL, avseg
from tests.sweep.test_scheduler import ended


@pytest.fixture
def words(ms3_root: Path, tmp_path: Path) -> list[str]:
    return ["train", "-m", *SMALL, f"data.root={ms3_root}", f"paths.outputs={tmp_path}/out", "callbacks=none"]


def start(words: list[str]) -> "subprocess.Popen[str]":
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-m", "avseg", *words], **pipes)


def run(words: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "avseg", *words], capture_output=True, text=True, timeout=280)


def runs(tmp_path: Path) -> dict[str, State]:
    """The state of each run directory, by its seed and fusion."""
    found = sorted(tmp_path.glob("out/*/*/seed=*"))
    return {f"{path.parent.name.split('-')[2]} {path.name}": state_of(RunDirectory(path)) for path in found}


def attempts(tmp_path: Path) -> list[int]:
    return [log.read_text().count("=== attempt") for log in sorted(tmp_path.glob("out/*/logs/*.log"))]


def test_a_sweep_runs_every_combination_once(words, tmp_path):
    """One of the two was trained before: each process of a job costs ten seconds."""
    before = avseg(["train", *words[2:], "debug=one_batch", "fusion=none"])
    assert before.code == 0, before.err
    words = [*words, "debug=one_batch", "fusion=none,stage_4"]
    done = avseg(words)
    assert done.code == 0, done.err + done.out
    assert runs(tmp_path) == {"none seed=123": "complete", "s4 seed=123": "complete"}
    assert "[1/2] fusion=none: complete (complete already" in done.out
    assert "[2/2] fusion=stage_4: complete" in done.out
    (manifest,) = tmp_path.glob("out/*/*-s4-*/seed=*/manifest.json")
    command = shlex.split(json.loads(manifest.read_text())["command"])
    assert command[-1] == "fusion=stage_4"
    assert "-m" not in command
    (log,) = tmp_path.glob("out/*/logs/*.log")
    assert "run directory: " in log.read_text()
    assert "Epoch" not in log.read_text()  # the scores, and no progress bar

    again = avseg(words)
    assert again.code == 0
    assert "[2/2] fusion=stage_4: complete (complete already" in again.out
    assert attempts(tmp_path) == [1]

    # a command that means another run now, since a file was edited by hand
    (config,) = tmp_path.glob("out/*/*-s4-*/seed=*/config.yaml")
    config.write_text(config.read_text().replace("channels: 8", "channels: 16"))
    edited = avseg(["train", *words[2:-1], "fusion=stage_4"])
    assert edited.code == 2
    assert "model.channels is 16 there and 8 in this command" in edited.err


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (["fusion=none,stage_5"], "did you mean 'stage_4'"),
        (["fusio=none,stage_4"], "did you mean 'fusion'"),
        (["seed=1,2", "optimizer.lrr=1"], "'optimizer.lrr' does not exist; did you mean 'lr'?"),
        (["seed=1,two"], "seed='two' is not allowed; it must be a valid integer"),
        (["seed=1,2", "fusion.stages=[7]"], "fusion.stages=7 is not allowed; it must be 1, 2, 3 or 4"),
        (["seed=1,2", "hydra/launcher=isolate"], "did you mean 'isolated'"),
        (["seed=1,2", "hydra.launcher.job_at_once=1"], "did you mean 'jobs_at_once'"),
        (["seed=1,2", "hydra.launcher.jobs_at_once=0"], "must be at least 1"),
        (["seed=1,2", "trainer.num_nodes=2"], "needs hydra/launcher=slurm"),
        (["seed=1,2", "hydra/launcher=slurm", "trainer.devices=-1"], "a task per process"),
        (["seed=1,2", "hydra/launcher=slurm", "hydra.launcher.tasks_per_node=2"], "a task per process"),
        (["seed=1,2", "hydra/launcher=submitit_local", "hydra.launcher.tasks_per_node=2"], "must be 1"),
        (["callbacks=none,none"], "is in the sweep twice; leave one out"),
    ],
)
def test_a_mistake_is_told_in_one_line_before_any_job_starts(wrong, says, words, tmp_path):
    command = avseg([*words, *wrong])
    (line,) = [line for line in command.err.splitlines() if "avseg: error:" in line]
    assert command.code == 2
    assert says in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("launcher", "trainer"),
    [
        ("basic", "trainer=ddp"),
        ("basic", "trainer.devices=-1"),
        ("joblib", "trainer=ddp_cpu"),
        ("submitit_local", "trainer.devices=2"),
    ],
)
def test_several_processes_under_another_launcher_are_refused(launcher, trainer, words, tmp_path):
    command = avseg([*words, trainer, f"hydra/launcher={launcher}", "seed=1,2"])
    assert command.code == 2
    assert f"hydra/launcher={launcher} cannot run jobs of several processes" in command.err
    assert len(command.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_launcher_that_is_not_installed_says_how_to_get_it(words, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'avseg[slurm]'" in avseg([*words, "hydra/launcher=slurm"]).err


def test_a_dry_run_starts_nothing(words, tmp_path):
    for more in (["--dry-run"], ["hydra.launcher.dry_run=true"]):
        command = avseg([*words, "fusion=none,stage_4", *more])
        assert command.code == 0, command.err
        assert command.out.count("missing") == 2
        assert "2 jobs, 2 to run; no estimate" in command.out
        assert not (tmp_path / "out").exists()
    assert "add -m" in avseg(["train", *words[2:], "--dry-run"]).err


@pytest.mark.slow
def test_one_raises_one_is_killed_the_others_finish_and_only_these_run_again(words, tmp_path):
    words = [*words, "trainer.max_epochs=6", "logger=wandb_offline", "seed=1,2,3,4"]
    stone = stumbling_stone([*words[2:-1], "seed=2"])
    sweep = start(words)
    kill_when_it_trains(sweep, tmp_path, "seed=3")
    out, err = sweep.communicate(timeout=280)
    assert sweep.returncode == 1, out + err
    assert list(runs(tmp_path).values()) == ["complete", "failed", "interrupted", "complete"]
    failed = [line for line in err.splitlines() if line.startswith("  ")]
    assert len(failed) == 2
    assert failed[0].startswith("  seed=2: exit code 1: KeyError: 'epoch' (")
    assert failed[1].startswith("  seed=3: killed by signal 9")
    assert all(Path(line.rsplit("(", 1)[1].rstrip(")")).is_file() for line in failed)
    assert "2 of 4 jobs are not complete" in err

    stone.unlink()
    again = run(words)
    assert again.returncode == 0, again.stdout + again.stderr
    assert set(runs(tmp_path).values()) == {State.COMPLETE}
    assert attempts(tmp_path) == [1, 2, 2, 1]
    resumed = [json.loads(path.read_text()).get("resumed") for path in sorted(tmp_path.glob("out/*/*/*/manifest.json"))]
    assert resumed == [None, 1, 1, None]
    curves = {path.name.split("-", 3)[-1] for path in tmp_path.glob("out/*/*/*/wandb/offline-run-*") if path.is_dir()}
    assert len(curves) == 4


def stumbling_stone(words: list[str]) -> Path:
    """A metrics.csv without a column of epochs: the run raises when it adds the row of its first one."""
    (job,) = plan([words])
    job.run.path.mkdir(parents=True)
    job.run.metrics.write_text("nonsense\n1\n")
    return job.run.metrics


def kill_when_it_trains(sweep: "subprocess.Popen[str]", tmp_path: Path, name: str) -> None:
    """-9 to the process that holds the run, once its first epoch lies on the disk."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and sweep.poll() is None:
        for last in tmp_path.glob(f"out/*/*/{name}/checkpoints/last.ckpt"):
            if who := holder(RunDirectory(last.parents[1])):
                os.kill(who.pid, signal.SIGKILL)
                return
        time.sleep(0.01)
    raise AssertionError("the job never came so far")


@pytest.mark.slow
def test_ctrl_c_ends_every_process_and_the_same_command_continues(words, tmp_path):
    words = [*words, "trainer.max_epochs=3", "trainer=ddp_cpu", "data.batch_size=4", "seed=1,2", "data.num_workers=1"]
    sweep = start(words)
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and not list(tmp_path.glob("out/*/*/*/checkpoints/last.ckpt")):
        time.sleep(0.02)
    family = descendants(sweep.pid)
    assert len(family) >= 3  # the job, its second process, a reader
    sweep.send_signal(signal.SIGINT)
    _, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, err
    assert "the same command again continues" in err
    assert all(ended(pid) for pid in family)
    again = run(words)
    assert again.returncode == 0, again.stdout + again.stderr
    assert set(runs(tmp_path).values()) == {State.COMPLETE}


def descendants(pid: int) -> list[int]:
    """The processes below one."""
    below: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                below += [child, *descendants(child)]
    return below


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["submitit_local", "joblib", "basic"])
def test_other_launchers_run_the_same_sweep(launcher, words, tmp_path):
    words = [*words, "debug=one_batch", "seed=1,2"]
    stone = stumbling_stone([*words[2:-1], "seed=2"])
    other = [*words, f"hydra/launcher={launcher}"]
    failing = run(other)
    assert failing.returncode == 1, failing.stdout + failing.stderr
    assert runs(tmp_path) == {"s1234 seed=1": "complete", "s1234 seed=2": "failed"}
    assert "1 of 2 jobs are not complete" in failing.stderr
    assert "  seed=2: " in failing.stderr
    assert "KeyError: 'epoch'" in failing.stderr
    stone.unlink()
    again = run(other)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "complete (complete already" in run(words).stdout  # the same runs, whatever the launcher


@pytest.mark.slow
def test_slurms_tasks_are_the_processes_of_one_run(words, tmp_path, monkeypatch):
    """What `srun` gives each of two tasks on one machine; Lightning starts no process of its own then."""
    job = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "avseg", "SLURM_NODELIST": "localhost", "SLURM_NODEID": "0"}
    job |= {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2"}
    plain = ["train", *words[2:], "trainer.max_epochs=1", "data.batch_size=4", "trainer=ddp_cpu"]
    tasks = []
    for rank in ("0", "1"):
        for key, value in (job | {"SLURM_PROCID": rank, "SLURM_LOCALID": rank}).items():
            monkeypatch.setenv(key, value)
        tasks.append(start(plain))
    said = [task.communicate(timeout=200) for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], said
    assert [out.count("run directory: ") for out, _ in said] == [1, 0]
    assert list(runs(tmp_path).values()) == [State.COMPLETE]


@pytest.mark.slow
def test_two_processes_do_not_train_one_run(words, tmp_path):
    plain = ["train", *words[2:], "trainer.max_epochs=200"]
    first = start(plain)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not list(tmp_path.glob("out/*/*/*/checkpoints/last.ckpt")):
            time.sleep(0.02)
        second = avseg(plain)
        assert second.code == 2
        assert f"is being trained by process {first.pid} on " in second.err
        sweep = avseg([*words, "trainer.max_epochs=200"])
        assert sweep.code == 1
        assert f"in process {first.pid} on " in sweep.err
    finally:
        first.kill()
        first.communicate()
