"""A job as a fresh process: a clean environment, a session of its own, a log, and an end that nothing survives."""

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
from typing import Any

# by these a process would think that it is one of several, or continue another one's dashboard
_LEAKING = re.compile(
    r"MASTER_(ADDR|PORT)|(LOCAL_|GROUP_|NODE_|ROLE_)?(RANK|WORLD_SIZE)|ROLE_NAME|TORCHELASTIC_\w+|PL_\w+"
    r"|SLURM_(NTASKS|NTASKS_PER_NODE|PROCID|LOCALID|NODEID|NNODES)|WANDB_(RUN_ID|SERVICE\w*)"
)
# Ctrl-C first, so that the dashboard is closed and the log says so; (signal, seconds to wait)
_ENDINGS = ((signal.SIGINT, 8.0), (signal.SIGTERM, 4.0), (signal.SIGKILL, 20.0))
_HEADER = "=== attempt "
_ERROR = re.compile(r"(\[rank\d+\]:\s*)?(avseg: error|[\w.]+(Error|Exception))\b")


def child_environment(devices: Sequence[str], threads: int) -> dict[str, str]:
    """The environment of a job.

    Args:
        devices: the GPUs that it may see.
        threads: of each of its processes; OMP_NUM_THREADS, when the user has set it, wins.
    """
    kept = {key: value for key, value in os.environ.items() if not _LEAKING.fullmatch(key)}
    own = {"CUDA_VISIBLE_DEVICES": ",".join(devices), "PYTHONUNBUFFERED": "1"}
    return {"OMP_NUM_THREADS": str(threads)} | kept | own


class Child:
    """A running job.

    Args:
        command: program and arguments.
        environment: see `child_environment`.
        log: both streams are appended to it, below a line that counts the attempts.
    """

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        attempt = 1 + (log.read_text(errors="replace").count(_HEADER) if log.is_file() else 0)
        with log.open("a") as stream:
            now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
            devices = environment["CUDA_VISIBLE_DEVICES"] or "none"
            stream.write(f"{_HEADER}{attempt}, {now}, GPUs {devices}: {shlex.join(command)}\n")
            stream.flush()
            self._start = stream.tell()
            self.process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # its processes are one group, which can be ended as a whole
            )

    def poll(self) -> int | None:
        """The exit code once it has ended (minus the signal's number when killed); what it left behind is ended too."""
        code = self.process.poll()
        if code is not None:
            self.send(signal.SIGKILL)
        return code

    def send(self, number: signal.Signals) -> bool:
        """Sends a signal to all of the job's processes; whether there was one."""
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS says the latter of processes that have ended
            return False
        return True

    def alive(self) -> bool:
        """Whether any of its processes runs."""
        self.process.poll()  # an ended one that nobody has asked for still counts
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, 0)
            return True
        return False

    def last_error(self) -> str:
        """The line of this attempt's log that says why it failed: the last error, else the last line."""
        with self.log.open(errors="replace") as stream:
            stream.seek(self._start)
            lines = [line.strip() for line in stream if line.strip()]
        errors = [line for line in lines if _ERROR.match(line)]
        return (errors or lines or [""])[-1].removeprefix("avseg: error: ")[:300]


def end(children: Sequence[Child], urgent: Callable[[], bool]) -> None:
    """Ends jobs with all their processes: asks first, then kills.

    Args:
        children: the jobs.
        urgent: asked again and again; true leaves out what is left of the asking.
    """
    left = list(children)
    for number, seconds in _ENDINGS:
        hurry = urgent()
        if hurry and number != signal.SIGKILL:
            continue
        for child in left:
            child.send(number)
        until = time.monotonic() + seconds
        while (left := [child for child in left if child.alive()]) and time.monotonic() < until and urgent() == hurry:
            time.sleep(0.05)


class Stop:
    """Keeps the signals that ask to stop until they are asked for.

    As exceptions they would come anywhere: also between the start of a process and its being written down, and that
    process would survive. SIGTERM and SIGHUP count too, since jobs have sessions of their own, which the end of a
    terminal does not reach. A signal that the caller ignores or handles is left to it.
    """

    def __init__(self) -> None:
        self._came: list[int] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Stop":
        defaults = {signal.SIGINT: signal.default_int_handler} | dict.fromkeys(
            (signal.SIGTERM, signal.SIGHUP), signal.SIG_DFL
        )
        if threading.current_thread() is threading.main_thread():  # no other may
            for number, default in defaults.items():
                if signal.getsignal(number) == default:
                    self._before[number] = signal.signal(number, lambda number, _: self._came.append(number))
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def twice(self) -> bool:
        """Whether the user has lost patience."""
        return len(self._came) > 1

    def check(self) -> None:
        """Raises what came.

        Raises:
            KeyboardInterrupt: Ctrl-C.
            SystemExit: another signal, with its exit code.
        """
        if self._came:
            raise KeyboardInterrupt if self._came[0] == signal.SIGINT else SystemExit(128 + self._came[0])
