"""Is a pack's every byte as it was written? Surely at the first look, quickly as long as the files are left alone."""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avseg.data.pack.arrays import Array
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file

MEMORY_NAME = "verified.json"


def array_file(folder: Path, name: str) -> Path:
    """Where an array of a pack lies."""
    return folder / f"{name}.bin"


def check_files(folder: Path, arrays: Mapping[str, Array], *, fully: bool = False) -> None:
    """Compares each array file with its checksum.

    A file that was found sound is not read again as long as its size, its times and its place on the disk are the same:
    they are remembered beside it. Where that cannot be written, every file is read each time.

    Args:
        folder: the pack.
        arrays: what its index says.
        fully: reads every file, whatever is remembered.

    Raises:
        UserError: the first file that is missing, cut, longer, or holds another byte.
    """
    known = {} if fully else _read_memory(folder)
    states = {name: _state(array_file(folder, name), array) for name, array in arrays.items()}
    for name, array in arrays.items():
        if known.get(name) != states[name] and _sha256(array_file(folder, name)) != array.sha256:
            raise UserError(f"{array_file(folder, name)} is damaged: its checksum is another one")
    if known != states:
        # a state taken before the reading: what is written meanwhile is read again the next time
        with contextlib.suppress(OSError), atomic_file(folder / MEMORY_NAME) as path:
            path.write_text(json.dumps(states) + "\n", encoding="utf-8")


def _state(path: Path, array: Array) -> list[Any]:
    """Whatever changes when somebody writes to the file, and the checksum that it was held against."""
    try:
        found = path.stat()
    except OSError as error:
        raise UserError(f"{path} is missing or cannot be read ({error.strerror})") from error
    if found.st_size != array.size:
        raise UserError(f"{path} is damaged: it has {found.st_size} bytes instead of {array.size}")
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, array.sha256]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_memory(folder: Path) -> dict[str, Any]:
    try:
        values = json.loads((folder / MEMORY_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
