"""Run a job in its own process group with a clean environment and a log, and kill the whole group at its end."""

import contextlib
import datetime
import os
import re
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

# variables that would make a child believe that it is a DDP rank, or continue another run's dashboard
_LEAKING = re.compile(
    r"MASTER_(ADDR|PORT)|(LOCAL_|GROUP_|NODE_|ROLE_)?(RANK|WORLD_SIZE)|ROLE_NAME|TORCHELASTIC_\w+|PL_\w+"
    r"|SLURM_(NTASKS|NTASKS_PER_NODE|PROCID|LOCALID|NODEID|NNODES)|WANDB_(RUN_ID|SERVICE\w*)"
)
# signal and seconds to wait; SIGINT first, so that the job closes its dashboard
_STOP_SIGNALS = ((signal.SIGINT, 8.0), (signal.SIGTERM, 4.0), (signal.SIGKILL, 20.0))
_HEADER = "=== attempt "
_ERROR = re.compile(r"(\[rank\d+\]:\s*)?(avseg: error|[\w.]+(Error|Exception))\b")
_POLL = 0.05  # seconds


def child_environment(devices: Sequence[str], threads: int) -> dict[str, str]:
    """Build the environment of a job: its GPUs, and the threads per process unless OMP_NUM_THREADS is set."""
    environment = {"OMP_NUM_THREADS": str(threads)}
    for key, value in os.environ.items():
        if not _LEAKING.fullmatch(key):
            environment[key] = value
    return environment | {"CUDA_VISIBLE_DEVICES": ",".join(devices), "PYTHONUNBUFFERED": "1"}


class JobProcess:
    """A running job, whose output is appended to a log below a line that counts the attempts."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        # the log of a continued run has a header per attempt
        attempt = 1 + (log.read_text(errors="replace").count(_HEADER) if log.is_file() else 0)
        with log.open("a") as stream:
            start = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
            devices = environment["CUDA_VISIBLE_DEVICES"] or "none"
            stream.write(f"{_HEADER}{attempt}, {start}, GPUs {devices}: {shlex.join(command)}\n")
            stream.flush()
            self._log_start = stream.tell()
            self.process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # its processes form a group that can be killed as a whole
            )

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs; kill what an ended job leaves behind."""
        code = self.process.poll()
        if code is not None:
            self.send(signal.SIGKILL)
        return code

    def send(self, number: int) -> bool:
        """Send a signal to all processes of the job; return True if there were any. Signal 0 only checks."""
        # macOS raises PermissionError for processes that have ended
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)
            return True
        return False

    def is_alive(self) -> bool:
        """True if any process of the job runs."""
        self.process.poll()  # reap it; an unreaped process would still count
        return self.send(0)

    def last_error(self) -> str:
        """Return the last error line of this attempt's log, else the last line."""
        last_line = last_error = ""
        with self.log.open(errors="replace") as stream:
            stream.seek(self._log_start)
            for line in map(str.strip, stream):
                last_line = line or last_line
                if _ERROR.match(line):
                    last_error = line
        return (last_error or last_line).removeprefix("avseg: error: ")[:300]


def stop_processes(processes: Sequence[JobProcess], is_urgent: Callable[[], bool]) -> None:
    """Stop jobs with all their processes: SIGINT, SIGTERM, then SIGKILL, which comes at once if it is urgent."""
    remaining = list(processes)
    for number, seconds in _STOP_SIGNALS:
        urgent = is_urgent()
        if urgent and number != signal.SIGKILL:
            continue
        for process in remaining:
            process.send(number)
        deadline = time.monotonic() + seconds
        while remaining and time.monotonic() < deadline and is_urgent() == urgent:
            time.sleep(_POLL)
            remaining = list(filter(JobProcess.is_alive, remaining))


class StopSignals:
    """Collects the signals that ask to stop, and raises them where the caller checks.

    Raised immediately, they could hit between the start of a process and its registration, and that process would
    survive. SIGTERM and SIGHUP count too, because jobs have sessions of their own, which the end of a terminal does
    not reach. A signal that the caller ignores or handles keeps its handler.
    """

    def __init__(self) -> None:
        self._received: list[int] = []
        self._handled: list[tuple[signal.Signals, object]] = []

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():  # other threads cannot set handlers
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
                if signal.getsignal(number) == default:
                    signal.signal(number, self._receive)
                    self._handled.append((number, default))
        return self

    def __exit__(self, *_: object) -> None:
        for number, default in self._handled:
            signal.signal(number, default)  # type: ignore[arg-type]

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._received.append(number)

    def repeated(self) -> bool:
        """True after a second stop signal."""
        return len(self._received) > 1

    def check(self) -> None:
        """Raise the first signal: `KeyboardInterrupt` for Ctrl-C, otherwise `SystemExit` with its exit code."""
        if self._received:
            number = self._received[0]
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
