"""File fingerprints and content digests."""

import hashlib
import json
import os
from pathlib import Path


def file_stamp(path: Path) -> tuple[int, int]:
    """Return size in bytes and modification time in nanoseconds: equal stamps mean an unchanged file."""
    # a data set has many files, and Path.stat is slower
    status = os.stat(path)  # noqa: PTH116
    return status.st_size, status.st_mtime_ns


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a whole file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def ends_digest(path: Path, length: int = 2**20) -> str:
    """Return the SHA-256 of both ends of a file: fast for videos of many GB. Compare the sizes as well.

    The ends, `length` bytes each, of a shorter file overlap.
    """
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(length))
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - length, 0))
        digest.update(file.read(length))
    return digest.hexdigest()


def json_digest(value: object) -> str:
    """Return the SHA-256 of a plain value; the order of dictionary keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
