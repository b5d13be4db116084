"""Record the weight files that a model is built from, wherever they are read, for the inputs of a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_records: list[dict[Path, None]] = []  # ordered sets, innermost last


@contextmanager
def recorded_files() -> Iterator[dict[Path, None]]:
    """Yield an ordered set to which every file is added that `note_file` names inside of the block."""
    record: dict[Path, None] = {}
    _records.append(record)
    try:
        yield record
    finally:
        _records.remove(record)


def note_file(path: Path) -> None:
    """Name a file that a result depends on, or one that does not exist but would be read instead of another."""
    for record in _records:
        record[path] = None
