"""Processes of their own that begin with the libraries imported: a tenth of a second instead of seven.

A fork server imports PyTorch, Lightning and avseg once per test process; each new process is a fork of it, in which
nothing has run yet. What must see the start of Python itself (imports, an installed wheel) uses `subprocess`.
"""

import importlib.util
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_CONTEXT = multiprocessing.get_context("forkserver")
_IMPORTED = ("avseg.training.fit", "avseg.models.avs.module", "avseg.annotate.session", "hypothesis", "pytest")
_CONTEXT.set_forkserver_preload(list(_IMPORTED))


class Ended(NamedTuple):
    """The exit code, which is minus the number of a signal that ended the process, and the output."""

    code: int
    out: str
    err: str


class FreshProcess:
    """A function in a new process with its own folder, environment and output."""

    def __init__(
        self,
        function: Callable[..., object],
        *arguments: object,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fresh")
        self._outputs = [Path(self._folder.name) / name for name in ("out", "err")]
        setting = (self._outputs, cwd or Path.cwd(), dict(os.environ if environment is None else environment))
        self._process = _CONTEXT.Process(target=_run, args=(function, arguments, *setting))
        self._process.start()

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    @property
    def out(self) -> str:
        """The output up to now."""
        return self._outputs[0].read_text() if self._outputs[0].exists() else ""

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to this process alone; nothing happens if it has ended, so that `end` can show its output."""
        if self.running:
            os.kill(self.pid, number)

    def end(self, timeout: float = 240) -> Ended:
        """Wait for the end; a process that takes longer is killed and is an error."""
        self._process.join(timeout)
        late = self._process.exitcode is None
        if late:
            self._process.kill()
            self._process.join()
        out, err = (path.read_text() if path.exists() else "" for path in self._outputs)
        assert not late, f"no end after {timeout} s: {out}{err}"
        self._folder.cleanup()
        assert self._process.exitcode is not None
        return Ended(self._process.exitcode, out, err)


def start_avseg(words: Sequence[str]) -> FreshProcess:
    """Start `python -m avseg` with a command line."""
    return FreshProcess(_avseg, list(words))


def _avseg(words: list[str]) -> int:
    from avseg.cli.main import main

    sys.argv = ["avseg", *words]
    # Lightning starts the other processes of a run by the name of the main module
    sys.modules["__main__"].__spec__ = importlib.util.find_spec("avseg.__main__")
    return main()


def _run(
    function: Callable[..., object],
    arguments: tuple[object, ...],
    outputs: list[Path],
    cwd: Path,
    environment: dict[str, str],
) -> None:
    for number, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it runs in the background
    sys.exit(function(*arguments))
