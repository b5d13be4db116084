"""Append-only journal of a video: one line of JSON per accepted operation, on disk before it takes effect.

Each line ends with a checksum of itself and all lines before it. A killed process leaves at most one torn last line,
which was never accepted and is cut off on the next opening. Any other mismatch is reported as damage.
"""

import errno
import json
import os
import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from avseg.annotate.document.models import Json
from avseg.utils.errors import UserError

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)  # a link in a project from somebody else could lead anywhere
_TAIL_LENGTH = len(',"check":"01234567"}\n')


class Journal:
    """Read all lines of a file with `records`, then add lines with `append`, which creates the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0  # valid ones
        self.size = 0  # of the valid lines in bytes
        self.torn = 0  # bytes of a torn last line
        self._checksum = 0
        self._file: FileIO | None = None
        self._broken = ""

    def records(self) -> Iterator[Json]:
        """Yield the records of all lines, none without a file; only the last line may be damaged."""
        self.lines = self.size = self.torn = self._checksum = 0
        if not self.path.exists():
            return
        try:
            descriptor = os.open(self.path, os.O_RDONLY | _NOFOLLOW)
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be read ({error.strerror}); fix it, or remove it if it is a link"
            ) from None
        with os.fdopen(descriptor, "rb") as file:
            for line in file:
                record = self._read(line)
                if record is None:
                    if file.read(1):  # more lines follow: not a torn last one
                        raise self._damage()
                    self.torn = len(line)
                    return
                self.lines += 1
                self.size += len(line)
                yield record

    def append(self, record: Json, wait: bool = True) -> None:
        """Add a line and wait until it is on disk; a line that cannot be written completely is removed.

        Lines of a transaction do not wait: it calls `sync` at its end.

        Raises:
            UserError: the disk is full or fails.
        """
        if self._broken:
            raise UserError(self._broken)
        body = json.dumps(record, separators=(",", ":"), allow_nan=False).encode("ascii")[:-1]
        # each checksum continues that of the line before: lost and swapped lines are detected too
        checksum = zlib.crc32(body, self._checksum)
        line = body + b',"check":"%08x"}\n' % checksum
        try:
            file = self._open()
            if file.write(line) != len(line):  # a full disk accepts only a part
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if wait:
                os.fsync(file.fileno())
        except OSError as error:
            self._remove_partial_line(error)
        self.lines += 1
        self.size += len(line)
        self._checksum = checksum

    def sync(self) -> None:
        """Wait until all lines are on disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close the file."""
        if self._file is not None:
            self.sync()
            self._file.close()
            self._file = None

    def _read(self, line: bytes) -> Json | None:
        """Return the record of a line; None if the line is torn or damaged."""
        body = line[:-_TAIL_LENGTH]
        checksum = zlib.crc32(body, self._checksum)
        if line[-_TAIL_LENGTH:] != b',"check":"%08x"}\n' % checksum:
            return None
        self._checksum = checksum
        record: Json = json.loads(body + b"}")
        return record

    def _damage(self) -> UserError:
        command = f"head -n {self.lines} {self.path.name} > good && mv good {self.path.name}"
        return UserError(
            f"{self.path}: line {self.lines + 1} is damaged (wrong checksum); restore the file from a backup, "
            f"or make a copy and keep the {self.lines} lines before it: {command}"
        )

    def _open(self) -> FileIO:
        """Open for appending, without a torn last line; its bytes are kept in a `.torn` file for inspection."""
        if self._file is None:
            is_new = not self.path.exists()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # `FileIO` closes the descriptor
            file = FileIO(os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _NOFOLLOW, 0o644), "ab")
            if self.torn:
                with self.path.open("rb") as old:
                    old.seek(self.size)
                    self.path.with_suffix(".torn").write_bytes(old.read())
                file.truncate(self.size)
            if is_new:
                _sync_folder(self.path.parent)
            self._file = file
            self.torn = 0
        return self._file

    def _remove_partial_line(self, error: OSError) -> None:
        """Truncate the file after a failed write; if that fails too, refuse all further lines."""
        reason = error.strerror or str(error)
        try:
            if self._file is not None:  # what could not be opened may be a link
                os.truncate(self.path, self.size)  # the complete lines stay
        except OSError:
            self._broken = f"{self.path}: cannot be written ({reason}); make it writable and restart the tool"
        raise UserError(f"{self.path}: cannot be written ({reason}); nothing was changed; fix the cause and try again")


def _sync_folder(folder: Path) -> None:
    # the name of a new file is on disk only after its folder is
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
