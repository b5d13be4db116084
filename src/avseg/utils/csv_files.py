"""Reading and writing csv files of rows."""

import csv
from pathlib import Path
from typing import Any

from avseg.utils.files import atomic_file


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a csv file; none when there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Writes a csv file in one step; the columns are all keys in order of first appearance."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with atomic_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
