"""The lock of a run directory and the record of its last attempt, tested with second processes."""

import json
import os
import platform
import signal
import subprocess
import sys

import pytest

from avseg.runs import RunDirectory, write_json
from avseg.runs.lock import holder, last_end, lock, lock_file, record_end
from avseg.sweep import State, state_of
from avseg.utils.errors import UserError
from avseg.utils.locks import Holder

HOLD = """
import os, sys, time
from pathlib import Path
from avseg.runs import RunDirectory
from avseg.runs.lock import lock
with lock(RunDirectory(Path(sys.argv[1]))):
    if "fork" in sys.argv and (child := os.fork()) == 0:
        print(os.getpid(), flush=True)  # a data loading process that outlives its parent
        time.sleep(1000)
    elif "fork" not in sys.argv:
        print(os.getpid(), flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "outputs" / "try" / "slug-01234567" / "seed=1")


@pytest.fixture
def other(run, request):
    """A process that holds the lock and prints its number, or that of its forked child, once it does."""
    command = [sys.executable, "-c", HOLD, str(run.path), *getattr(request, "param", ())]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    process.printed_pid = int(process.stdout.readline())
    yield process
    process.kill()
    process.wait()


def start(run):
    run.path.mkdir(parents=True, exist_ok=True)
    run.config.write_text("{}\n")


def test_the_error_names_the_process_that_trains_the_run(run, other):
    start(run)
    with pytest.raises(UserError) as caught, lock(run):
        pass
    assert f"is being trained by process {other.pid} on {platform.node()}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert holder(run) == Holder(other.pid, platform.node())
    assert state_of(run) is State.RUNNING


def test_a_killed_process_holds_nothing(run, other):
    start(run)
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert holder(run) is None
    assert state_of(run) is State.INTERRUPTED
    with lock(run):
        assert holder(run).pid == os.getpid()
    assert not lock_file(run).exists()


@pytest.mark.parametrize("other", [["fork"]], indirect=True)
def test_a_reader_that_outlives_a_killed_process_holds_nothing(run, other):
    try:
        other.send_signal(signal.SIGKILL)
        other.wait()
        os.kill(other.printed_pid, 0)  # it is alive
        assert holder(run) is None
    finally:
        os.kill(other.printed_pid, signal.SIGKILL)


def test_no_folder_remains_if_training_did_not_start(run, tmp_path):
    with pytest.raises(ValueError, match="early"), lock(run):
        raise ValueError("early")
    assert not list(tmp_path.iterdir())
    (tmp_path / "outputs").mkdir()
    with lock(run):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "outputs"]  # existed before


def test_states(run):
    assert state_of(run) is State.MISSING
    with lock(run):
        start(run)
    assert state_of(run) is State.INTERRUPTED
    with pytest.raises(ValueError, match="broken"), lock(run):
        raise ValueError("broken\nin two lines")
    assert state_of(run) is State.FAILED
    assert last_end(run).error == "ValueError: broken in two lines"
    with pytest.raises(KeyboardInterrupt), lock(run):
        raise KeyboardInterrupt
    assert state_of(run) is State.INTERRUPTED
    for code in (-9, 130, 143):
        record_end(run, code, "")
        assert state_of(run) is State.INTERRUPTED
    record_end(run, 1, "")
    assert state_of(run) is State.FAILED
    write_json(run.result, {})
    assert state_of(run) is State.COMPLETE


def test_the_record_is_next_to_the_log(run, tmp_path):
    record_end(run, 1, "x")
    (path,) = tmp_path.rglob("*.json")
    assert path == tmp_path / "outputs" / "try" / "logs" / "slug-01234567-s1.json"
    assert json.loads(path.read_text())["exit_code"] == 1
