"""The lock of a run directory, so that one process at a time trains a run, and the record of how the last one ended."""

import contextlib
import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from avseg.runs.directory import RunDirectory, read_json, write_json
from avseg.utils.errors import UserError
from avseg.utils.locks import Holder, LockHeldError, ProcessLock, read_holder

_MAX_ERROR = 500  # characters


@dataclass(frozen=True)
class AttemptEnd:
    """The end of a failed or interrupted attempt to train a run."""

    exit_code: int  # of the process; minus the signal's number if a signal killed it
    error: str = ""  # one line
    ended: str = ""  # ISO 8601, UTC


@contextmanager
def lock(run: RunDirectory) -> Iterator[None]:
    """Hold a run directory while it is trained; a `UserError` if another process holds it or it cannot be written.

    If the training fails before it writes into the directory, no empty folder remains.
    """
    created = []  # folders to remove again if nothing is written
    for folder in (run.path, *run.path.parents):
        if not folder.exists():
            created.append(folder)
    process_lock = ProcessLock(lock_file(run))
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        process_lock.acquire()
    except LockHeldError as error:
        raise UserError(
            f"{run.path} is being trained by {error.holder}; wait for it or end it, then run the same command again"
        ) from None
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise UserError(f"{run.path} cannot be written ({error.strerror}); set another paths.outputs") from error
    forget_end(run)
    try:
        yield
    except Exception as error:
        if run.config.is_file():
            record_end(run, 2 if isinstance(error, UserError) else 1, f"{type(error).__name__}: {error}")
        raise
    finally:
        process_lock.release()
        with contextlib.suppress(OSError):  # stops at the first folder that is not empty
            for folder in created:
                folder.rmdir()


def holder(run: RunDirectory) -> Holder | None:
    """Return the process that trains a run now; None if there is none."""
    return read_holder(lock_file(run))


def lock_file(run: RunDirectory) -> Path:
    """Return the path of the lock file."""
    return run.path / "lock"


def log_file(run: RunDirectory) -> Path:
    """Return the log that a sweep writes for a run: `outputs/<experiment>/logs/<run id>.log`."""
    return run.path.parents[1] / "logs" / f"{run.path.parent.name}-s{run.path.name.removeprefix('seed=')}.log"


def record_end(run: RunDirectory, exit_code: int, error: str) -> None:
    """Record how an attempt ended, for `last_end`; see `AttemptEnd`."""
    ended = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    write_json(_end_file(run), asdict(AttemptEnd(exit_code, " ".join(error.split())[:_MAX_ERROR], ended)))


def last_end(run: RunDirectory) -> AttemptEnd | None:
    """Return what `record_end` wrote; None if the last attempt is running, succeeded or left no record."""
    path = _end_file(run)
    return AttemptEnd(**read_json(path)) if path.is_file() else None


def forget_end(run: RunDirectory) -> None:
    """Remove the record: a new attempt begins, or the last one succeeded."""
    _end_file(run).unlink(missing_ok=True)


def _end_file(run: RunDirectory) -> Path:
    return log_file(run).with_suffix(".json")
