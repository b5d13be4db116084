"""Exclusive locks between processes; the lock file records its holder.

The operating system releases a lock when its process ends, however it ends, so a killed process blocks nobody.
"""

import errno
import json
import logging
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout, lock_descriptor

log = logging.getLogger("avseg")

# `read_holder` takes a lock for an instant, so a single refusal proves nothing
_TIMEOUT = 0.5
_PROBES = 3
_PAUSE = 0.01
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock; the fields are empty for an instant after it was taken."""

    pid: int | None = None
    host: str = ""

    def __str__(self) -> str:
        return f"process {self.pid or '?'} on {self.host or '?'}"


class LockHeldError(Exception):
    """Another process holds the lock."""

    def __init__(self, path: Path, holder: Holder) -> None:
        super().__init__(f"{path} is held by {holder}")
        self.holder = holder


class ProcessLock:
    """An exclusive lock on a file, as a context manager or by `acquire` and `release` from any thread.

    The folder must exist; the file is removed on release. A file system without locks is used unlocked after a warning.
    A forked child does not inherit the lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # existence locks, filelock's fallback, would survive a killed process
        self._lock = FileLock(path, mode=0o644, thread_local=False, poll_interval=0.1, fallback_to_soft=False)

    def acquire(self) -> None:
        """Take the lock and record this process in its file; `LockHeldError` if another process holds it."""
        try:
            self._lock.acquire(timeout=_TIMEOUT)
        except Timeout:
            raise LockHeldError(self.path, _read(self.path)) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            log.warning("%s: this file system has no locks; do not start a second process here", self.path)
        self.path.write_text(json.dumps(asdict(Holder(os.getpid(), platform.node()))))

    def release(self) -> None:
        """Remove the file and release the lock; safe to call twice."""
        if self._lock.is_locked:
            # remove before releasing: a process that has opened the file meanwhile sees that it is gone
            self.path.unlink(missing_ok=True)
            self._lock.release()

    def __enter__(self) -> "ProcessLock":
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def read_holder(path: Path) -> Holder | None:
    """Return the process that holds the lock of a file; None if it is free or does not exist."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        for _ in range(_PROBES):
            if lock_descriptor(descriptor, blocking=False):
                return None
            time.sleep(_PAUSE)
    except OSError:
        return None
    finally:
        os.close(descriptor)  # releases it
    return _read(path)


def _read(path: Path) -> Holder:
    try:
        return Holder(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):  # not written yet, or released meanwhile
        return Holder()
