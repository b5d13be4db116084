"""Locks between processes, tested with a second process that holds one."""

import errno
import logging
import os
import platform
import signal
import subprocess
import sys
import threading

import pytest

from avseg.utils import locks
from avseg.utils.locks import Holder, LockHeldError, ProcessLock, read_holder

HOLD = """
import os, sys, time
from pathlib import Path
from avseg.utils.locks import ProcessLock
with ProcessLock(Path(sys.argv[1])):
    if "fork" in sys.argv and os.fork() == 0:
        print(os.getpid(), flush=True)
    elif "fork" not in sys.argv:
        print(os.getpid(), flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lock"


@pytest.fixture
def holding(path, request):
    """A process that holds the lock and prints its number, or that of its forked child, once it does."""
    command = [sys.executable, "-c", HOLD, str(path), *getattr(request, "param", ())]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    process.printed_pid = int(process.stdout.readline())
    yield process
    process.kill()
    process.wait()


def test_the_lock_names_its_holder(path, holding):
    with pytest.raises(LockHeldError) as caught:
        ProcessLock(path).acquire()
    assert caught.value.holder == Holder(holding.pid, platform.node()) == read_holder(path)
    assert str(caught.value) == f"{path} is held by process {holding.pid} on {platform.node()}"


def test_a_killed_process_holds_nothing(path, holding):
    holding.send_signal(signal.SIGKILL)
    holding.wait()
    assert path.exists()
    assert read_holder(path) is None
    with ProcessLock(path):
        assert read_holder(path).pid == os.getpid()
    assert not path.exists()


@pytest.mark.parametrize("holding", [["fork"]], indirect=True)
def test_a_forked_child_does_not_inherit_the_lock(path, holding):
    try:
        holding.send_signal(signal.SIGKILL)
        holding.wait()
        os.kill(holding.printed_pid, 0)  # the child is alive
        assert read_holder(path) is None
    finally:
        os.kill(holding.printed_pid, signal.SIGKILL)


def test_within_a_process_it_is_exclusive_too(path):
    with ProcessLock(path), pytest.raises(LockHeldError):
        ProcessLock(path).acquire()


def test_another_thread_may_release_it(path):
    lock = ProcessLock(path)
    lock.acquire()
    thread = threading.Thread(target=lock.release)
    thread.start()
    thread.join()
    assert read_holder(path) is None
    lock.release()
    lock.acquire()
    assert read_holder(path).pid == os.getpid()
    lock.release()


def test_nobody_holds_a_missing_or_stale_file(path):
    assert read_holder(path) is None
    path.write_text("not json")
    assert read_holder(path) is None


def test_a_holder_that_is_not_recorded_yet_is_shown_with_question_marks(path):
    with ProcessLock(path):
        path.write_text("")
        assert str(read_holder(path)) == "process ? on ?"


def test_many_readers_do_not_disturb_each_other_or_the_owner(path):
    path.touch()
    answers = []

    def read():
        for _ in range(200):
            answers.append(read_holder(path))

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    with ProcessLock(path):
        pass
    for thread in threads:
        thread.join()
    assert len(answers) == 400


def test_a_file_system_without_locks_is_used_after_a_warning(path, monkeypatch, caplog):
    def refuse(*_, **__):
        raise OSError(errno.ENOTSUP, "not supported")

    lock = ProcessLock(path)
    monkeypatch.setattr(locks.FileLock, "acquire", refuse)
    with caplog.at_level(logging.WARNING, "avseg"), lock:
        assert "has no locks" in caplog.text


def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        ProcessLock(tmp_path / "file" / "lock").acquire()
