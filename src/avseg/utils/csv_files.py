"""Read and write csv files as rows of named values."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from avseg.utils.files import atomic_file


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of a csv file; an empty list if the file does not exist."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write a csv file atomically; the columns are all keys in order of first appearance."""
    columns: dict[str, None] = {}
    for row in rows:
        columns |= dict.fromkeys(row)
    with atomic_file(path) as temporary, temporary.open("w", newline="", errors="backslashreplace") as file:
        writer = csv.DictWriter(file, list(columns), restval="")
        writer.writeheader()
        writer.writerows(rows)
