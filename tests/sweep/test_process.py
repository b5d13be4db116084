"""The environment of a job, and the end of all processes with the sweep."""

import os
import signal
import time
from pathlib import Path

import pytest

from avseg.sweep import process, run_jobs
from avseg.sweep.process import JobProcess, child_environment
from tests.fresh_process import FreshProcess
from tests.sweep.fake import job, shell
from tests.sweep.test_scheduler import ended

LEAKING = {
    "MASTER_ADDR": "10.0.0.1",
    "MASTER_PORT": "1234",
    "RANK": "1",
    "LOCAL_RANK": "1",
    "NODE_RANK": "1",
    "GROUP_RANK": "1",
    "WORLD_SIZE": "2",
    "LOCAL_WORLD_SIZE": "2",
    "TORCHELASTIC_RUN_ID": "x",
    "PL_GLOBAL_SEED": "7",
    "SLURM_NTASKS": "2",
    "SLURM_PROCID": "1",
    "WANDB_RUN_ID": "other",
}


def test_no_variable_of_another_group_of_processes_leaks(monkeypatch, tmp_path):
    for key, value in (LEAKING | {"CUDA_VISIBLE_DEVICES": "5,6,7", "WANDB_MODE": "offline", "MY_RANKING": "x"}).items():
        monkeypatch.setenv(key, value)
    child = JobProcess(["env"], child_environment(["6"], 2), tmp_path / "logs" / "x.log")
    assert child.process.wait() == 0
    header, *lines = (tmp_path / "logs" / "x.log").read_text().splitlines()
    seen = dict(line.split("=", 1) for line in lines if "=" in line)
    assert not LEAKING.keys() & seen.keys()
    assert seen["CUDA_VISIBLE_DEVICES"] == "6"
    assert seen["PYTHONUNBUFFERED"] == "1"
    assert (seen["WANDB_MODE"], seen["MY_RANKING"], seen["PATH"]) == ("offline", "x", os.environ["PATH"])
    assert header.startswith("=== attempt 1, ")
    assert header.endswith(", GPUs 6: env")


def test_a_log_grows_by_attempts_and_the_error_is_that_of_the_last(tmp_path):
    log = tmp_path / "x.log"
    for attempt, line in enumerate(("avseg: error: first", "no error", "RuntimeError: third\n  and then"), 1):
        child = JobProcess(["printf", line], child_environment([], 1), log)
        child.process.wait()
        assert log.read_text().count("=== attempt") == attempt
        assert child.last_error() == line.removeprefix("avseg: error: ").split("\n")[0]


def sweep(outputs: Path, kind: str, patience: float) -> int:
    """Be the parent of a sweep whose jobs have a child of their own (as DDP has) and may ignore the first signals.

    The sweep waits `patience` seconds after each of the first two signals.
    """
    # tests that run under nohup would hand an ignored SIGHUP down
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    interrupt, terminate, kill = process._STOP_SIGNALS
    process._STOP_SIGNALS = ((interrupt[0], patience), (terminate[0], patience), kill)
    line = "trap '' INT TERM; " * (kind == "ignores signals") + "sleep 1000 & echo $$ $! >> {outputs}/pids; wait"
    try:
        run_jobs([job(outputs, 1), job(outputs, 2), job(outputs, 3)], jobs_at_once=2, command=shell(line))
    except KeyboardInterrupt:
        return 130
    return 0


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (signal.SIGTERM, "plain", 143),
        (signal.SIGHUP, "ignores signals", 129),
        pytest.param(signal.SIGINT, "plain", 130, marks=pytest.mark.slow),
    ],
)
def test_the_end_of_the_sweep_is_the_end_of_all_its_processes(number, kind, code, tmp_path):
    parent = FreshProcess(sweep, tmp_path, kind, 0.2)
    pids = wait_for_pids(tmp_path / "pids", 4)
    assert not any(ended(pid) for pid in pids)
    parent.send_signal(number)
    done = parent.end(timeout=60)
    assert done.code == code, done.err
    assert all(ended(pid) for pid in pids)
    assert not list(tmp_path.rglob("*s3.log"))  # nothing new was started on the way out


def test_a_second_ctrl_c_does_not_wait(tmp_path):
    parent = FreshProcess(sweep, tmp_path, "ignores signals", 1e6)
    pids = wait_for_pids(tmp_path / "pids", 4)
    parent.send_signal(signal.SIGINT)
    time.sleep(0.2)
    parent.send_signal(signal.SIGINT)
    assert parent.end(timeout=100).code == 130
    assert all(ended(pid) for pid in pids)


def wait_for_pids(path: Path, number: int) -> list[int]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists() and len(pids := path.read_text().split()) == number and path.read_text().endswith("\n"):
            return [int(pid) for pid in pids]
        time.sleep(0.02)
    raise AssertionError("the jobs did not begin")
