"""Array files of a pack: plain rows of numbers, written sequentially and read through a memory map."""

import hashlib
import mmap
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avseg.utils.errors import UserError

# touched pages of a map count as memory of the process; they are released after this many bytes
_MAX_TOUCHED = 8 << 20


@dataclass(frozen=True)
class Array:
    """Description of an array file."""

    dtype: str  # numpy's name with the byte order, such as "|u1" or "<f4"
    shape: tuple[int, ...]  # rows first
    sha256: str  # checksum of the whole file

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


class ArrayWriter:
    """Appends rows of one shape to a new file and computes its checksum."""

    def __init__(self, path: Path, dtype: str, row: tuple[int, ...]) -> None:
        self._file = path.open("xb")
        self._digest = hashlib.sha256()
        self._dtype = dtype
        self._row = row
        self._count = 0

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Append rows (n, *row) of a type that converts without loss."""
        # "equiv": only the byte order may change
        rows = np.ascontiguousarray(rows.astype(self._dtype, casting="equiv", copy=False))
        assert rows.shape[1:] == self._row, (rows.shape, self._row)
        self._file.write(rows.data)
        self._digest.update(rows.data)
        self._count += len(rows)

    def array(self) -> Array:
        """Describe the rows written so far."""
        return Array(self._dtype, (self._count, *self._row), self._digest.hexdigest())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class MappedArray:
    """Rows of an array file of checked size through a read-only memory map, which forked processes share."""

    def __init__(self, path: Path, array: Array) -> None:
        self.path = path
        self.array = array
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._rows: npt.NDArray[Any] = np.frombuffer(self._map, array.dtype).reshape(array.shape)
        self._row_size = array.size // array.shape[0]
        self._touched = 0  # bytes since pages were last released

    def rows(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return rows as a read-only view of the map, to be copied at once.

        Raises:
            UserError: the file was truncated after it was opened (reading on would kill the process).
        """
        if self._map.size() != self.array.size:
            raise UserError(f"{self.path} was truncated or overwritten while it was read; pack it again")
        self._touched += (stop - start) * self._row_size
        if self._touched > _MAX_TOUCHED:
            self._map.madvise(mmap.MADV_DONTNEED)  # they stay in the page cache of the system
            self._touched = 0
        return self._rows[start:stop]

    def __len__(self) -> int:
        return self.array.shape[0]

    def __reduce__(self) -> tuple[type["MappedArray"], tuple[Path, Array]]:
        return MappedArray, (self.path, self.array)  # a spawned process maps the file itself
