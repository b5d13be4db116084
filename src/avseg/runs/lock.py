"""One process at a time trains a run: a lock on a file of its directory, and how the last attempt ended."""

import contextlib
import datetime
import errno
import fcntl
import json
import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from avseg.runs.directory import RunDirectory, read_json, write_json
from avseg.utils.errors import UserError

log = logging.getLogger("avseg")

# a look at the lock (`holder`) holds it for an instant, so a single refusal proves nothing
_TRIES, _PAUSE = 5, 0.1
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)
_held: set[int] = set()


def _forget_in_child() -> None:
    """A reading process forked off must not keep the lock of a parent that was killed."""
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_forget_in_child)


@contextmanager
def lock(run: RunDirectory) -> Iterator[None]:
    """Holds a run directory while it is trained; the kernel lets go of it when the process ends, however it ends.

    When the training did not get as far as writing into the directory, no empty folder stays behind.

    Raises:
        UserError: another process holds it, or the folder cannot be written.
    """
    made = [folder for folder in (run.path, *run.path.parents) if not folder.exists()]
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        descriptor = _take(run)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise UserError(
            f"{run.path} cannot be written ({error.strerror}); choose another with paths.outputs=DIR"
        ) from error
    _held.add(descriptor)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, json.dumps({"pid": os.getpid(), "host": platform.node()}).encode())
    forget_end(run)
    try:
        yield
    except Exception as error:
        if run.config.is_file():
            record_end(run, 2 if isinstance(error, UserError) else 1, f"{type(error).__name__}: {error}")
        raise
    finally:
        lock_file(run).unlink(missing_ok=True)  # before letting go: who opened it meanwhile sees that it is gone
        _held.discard(descriptor)
        os.close(descriptor)
        with contextlib.suppress(OSError):  # the first that is not empty
            for folder in made:
                folder.rmdir()


def holder(run: RunDirectory) -> dict[str, Any] | None:
    """The process that trains a run now, as `{"pid": ..., "host": ...}`; None when there is none."""
    try:
        descriptor = os.open(lock_file(run), os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _who(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None


def _take(run: RunDirectory) -> int:
    path = lock_file(run)
    who: dict[str, Any] = {}
    for _ in range(_TRIES):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            who = _who(descriptor)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            log.warning("%s: this file system has no locks; take care not to train a run twice at once", path)
            return descriptor
        os.close(descriptor)
        time.sleep(_PAUSE)
    raise UserError(
        f"{run.path} is being trained by process {who.get('pid', '?')} on {who.get('host', '?')}; "
        "wait for it or end it, then run the same command again"
    )


def _who(descriptor: int) -> dict[str, Any]:
    try:
        values = json.loads(os.pread(descriptor, 4096, 0))
    except ValueError:  # taken this very moment
        return {}
    return values if isinstance(values, dict) else {}


def lock_file(run: RunDirectory) -> Path:
    """The file that carries the lock."""
    return run.path / "lock"


def log_file(run: RunDirectory) -> Path:
    """Where a sweep writes what a run says: `outputs/<experiment>/logs/<run id>.log`."""
    return run.path.parents[1] / "logs" / f"{run.path.parent.name}-s{run.path.name.removeprefix('seed=')}.log"


def record_end(run: RunDirectory, exit_code: int, error: str) -> None:
    """Remembers how an attempt ended, for `last_end`.

    Args:
        run: the run.
        exit_code: of the process; minus the signal's number for one that was killed.
        error: one line.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    write_json(_end_file(run), {"exit_code": exit_code, "error": " ".join(error.split())[:500], "ended": now})


def last_end(run: RunDirectory) -> dict[str, Any] | None:
    """What `record_end` wrote; None when the last attempt is under way, went well, or ended without a word."""
    path = _end_file(run)
    return read_json(path) if path.is_file() else None


def forget_end(run: RunDirectory) -> None:
    """A new attempt begins, or the last one went well."""
    _end_file(run).unlink(missing_ok=True)


def _end_file(run: RunDirectory) -> Path:
    return log_file(run).with_suffix(".json")
