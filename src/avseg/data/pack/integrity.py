"""Verify checksums of a pack: fully the first time, then by file status as long as the files are unchanged."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from avseg.data.pack.arrays import Array
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file
from avseg.utils.hashing import file_digest

CACHE_NAME = "verified.json"
FileStatus = list[int | str]  # size, modification, change time, inode, expected checksum


def array_file(folder: Path, name: str) -> Path:
    """Return the file of an array of a pack."""
    return folder / f"{name}.bin"


def check_files(folder: Path, arrays: Mapping[str, Array], *, fully: bool = False) -> None:
    """Compare each array file with its checksum.

    Unless `fully`, a verified file is not read again as long as its size, times and inode are the same; they are cached
    next to it. In a folder that cannot be written, every file is read each time.

    Raises:
        UserError: the first file that is missing, truncated, longer, or has a wrong byte.
    """
    verified = {} if fully else _read_cache(folder)
    current: dict[str, FileStatus] = {}
    for name, array in arrays.items():
        # taken before the file is read, so that a file written meanwhile is read again the next time
        current[name] = _status(array_file(folder, name), array)
    for name, array in arrays.items():
        path = array_file(folder, name)
        if verified.get(name) != current[name] and file_digest(path) != array.sha256:
            raise UserError(f"{path} is damaged: its checksum is wrong")
    if verified != current:
        with contextlib.suppress(OSError), atomic_file(folder / CACHE_NAME) as path:
            path.write_text(json.dumps(current) + "\n", encoding="utf-8")


def _status(path: Path, array: Array) -> FileStatus:
    """Return everything that changes when the file is written, and the checksum that it was compared with."""
    try:
        status = path.stat()
    except OSError as error:
        raise UserError(f"{path} is missing or cannot be read ({error.strerror})") from error
    if status.st_size != array.size:
        raise UserError(f"{path} is damaged: it has {status.st_size} bytes instead of {array.size}")
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, array.sha256]


def _read_cache(folder: Path) -> dict[str, FileStatus]:
    try:
        cache = json.loads((folder / CACHE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cache if isinstance(cache, dict) else {}
