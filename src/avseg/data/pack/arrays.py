"""The array files of a pack: plain rows of numbers, written once from the first to the last, read through a map."""

import hashlib
import mmap
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from avseg.utils.errors import UserError

# pages of the map that a process has touched count as its memory; beyond so many bytes they are let go
_KEPT_PAGES = 8 << 20


@dataclass(frozen=True)
class Array:
    """What an array file holds.

    Attributes:
        dtype: numpy's name with the byte order, such as "|u1" or "<f4".
        shape: rows first.
        sha256: of the whole file.
    """

    dtype: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


class ArrayWriter:
    """Writes rows to a file and adds up its checksum on the way.

    Args:
        path: a new file.
        dtype: see `Array`.
        row: the shape of one row.
    """

    def __init__(self, path: Path, dtype: str, row: tuple[int, ...]) -> None:
        self._file = path.open("xb")
        self._digest = hashlib.sha256()
        self._dtype, self._row, self._count = dtype, row, 0

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Adds rows.

        Args:
            rows: (n, *row) of numbers that fit the type without loss.
        """
        rows = np.ascontiguousarray(rows.astype(self._dtype, casting="equiv", copy=False))
        assert rows.shape[1:] == self._row, (rows.shape, self._row)
        self._file.write(rows.data)
        self._digest.update(rows.data)
        self._count += len(rows)

    def array(self) -> Array:
        """What has been written so far."""
        return Array(self._dtype, (self._count, *self._row), self._digest.hexdigest())

    def __enter__(self) -> "ArrayWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


class MappedArray:
    """The rows of an array file through a read-only memory map, which a forked process shares.

    Args:
        path: the file.
        array: what it holds; its size has been checked.
    """

    def __init__(self, path: Path, array: Array) -> None:
        self.path, self.array = path, array
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._rows: npt.NDArray[Any] = np.frombuffer(self._map, array.dtype).reshape(array.shape)
        self._row_size = array.size // array.shape[0]
        self._touched = 0

    def rows(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Rows as a read-only view of the map: to be copied at once.

        Raises:
            UserError: the file has been cut since it was opened (to read on would kill the process).
        """
        if self._map.size() != self.array.size:
            raise UserError(f"{self.path} was cut or overwritten while it is read; pack it again")
        self._touched += (stop - start) * self._row_size
        if self._touched > _KEPT_PAGES:
            self._map.madvise(mmap.MADV_DONTNEED)
            self._touched = 0
        return self._rows[start:stop]

    def __len__(self) -> int:
        """Number of rows."""
        return self.array.shape[0]

    def __reduce__(self) -> tuple[type["MappedArray"], tuple[Path, Array]]:
        return MappedArray, (self.path, self.array)  # a process that is not forked maps the file itself
