"""The journal of a video: a line of JSON for each accepted operation, only added to, on the disk before it counts.

Each line ends with a checksum of itself and of all lines before it. A process that is killed leaves at most one torn
last line, which was never accepted: it is cut off at the next opening. Anything else that does not fit is damage.
"""

import errno
import json
import os
import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

from avseg.utils.errors import UserError

Record = dict[str, Any]

_TAIL = len(',"check":"01234567"}\n')


class Journal:
    """Reads what is there by `records`, then takes more by `append`.

    Args:
        path: the file; made by the first `append`.

    Attributes:
        lines: how many lines count.
        size: bytes that they take.
        torn: bytes of a torn last line that was found; 0 without one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.size = 0
        self.torn = 0
        self._check = 0
        self._file: FileIO | None = None
        self._broken = ""

    def records(self) -> Iterator[Record]:
        """What the lines say, from the first; nothing where there is no file.

        Raises:
            UserError: a line that is not the last is damaged.
        """
        self.lines = self.size = self.torn = self._check = 0
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                record = self._read(line)
                if record is None:
                    if file.read(1):
                        raise self._damaged()
                    self.torn = len(line)
                    return
                self.lines += 1
                self.size += len(line)
                yield record

    def append(self, record: Record, wait: bool = True) -> None:
        """Adds a line and waits until it is on the disk; a line that cannot be written whole is taken back.

        Args:
            record: plain values.
            wait: False leaves the waiting to a later line, of those that belong together.

        Raises:
            UserError: the disk is full or fails.
        """
        if self._broken:
            raise UserError(self._broken)
        body = json.dumps(record, separators=(",", ":"), allow_nan=False).encode("ascii")[:-1]
        check = zlib.crc32(body, self._check)
        line = body + b',"check":"%08x"}\n' % check
        try:
            file = self._open()
            if file.write(line) != len(line):  # a disk that fills up takes a part
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if wait:
                os.fsync(file.fileno())
        except OSError as error:
            self._take_back(error)
        self.lines, self.size, self._check = self.lines + 1, self.size + len(line), check

    def sync(self) -> None:
        """Waits until all lines are on the disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self.sync()
            self._file.close()
            self._file = None

    def _read(self, line: bytes) -> Record | None:
        """A line's record; None if it is torn or damaged."""
        body, tail = line[:-_TAIL], line[-_TAIL:]
        check = zlib.crc32(body, self._check)
        if tail != b',"check":"%08x"}\n' % check:
            return None
        self._check = check
        record: Record = json.loads(body + b"}")
        return record

    def _damaged(self) -> UserError:
        keep = f"head -n {self.lines} {self.path.name} > good && mv good {self.path.name}"
        return UserError(
            f"{self.path}: line {self.lines + 1} is damaged (its checksum is wrong); restore the file from a backup, "
            f"or keep a copy and go on with the {self.lines} lines before it: {keep}"
        )

    def _open(self) -> FileIO:
        """Opens for adding, without a torn last line; what is cut off is kept beside, for whoever wants to look."""
        if self._file is None:
            new = not self.path.exists()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = FileIO(self.path, "ab")
            if self.torn:
                with self.path.open("rb") as old:
                    old.seek(self.size)
                    self.path.with_suffix(".torn").write_bytes(old.read())
                file.truncate(self.size)
            if new:
                _sync_folder(self.path.parent)
            self._file, self.torn = file, 0
        return self._file

    def _take_back(self, error: OSError) -> None:
        """After a failed write: the file ends where it ended before, or takes nothing more."""
        reason = error.strerror or str(error)
        try:
            os.truncate(self.path, self.size)
        except OSError:
            self._broken = f"{self.path}: cannot be written ({reason}); make it writable and start the tool again"
        raise UserError(f"{self.path}: cannot be written ({reason}); nothing was changed, mend it and try again")


def _sync_folder(folder: Path) -> None:
    """The name of a new file is on the disk only once its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
