"""Index files of AVSBench: the csv that lists every clip and its split.

They are read as the official scripts read them: `split` (and `category`, `uid`, `label`) by the name of the column, the
clip's name and start second by a known name or else by the position. The name is taken unchanged, which for S4 is the
name of the clip's folder: a start second is never appended to it.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avseg.data.setting import ClipEntry
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError, nearest


@dataclass(frozen=True)
class Column:
    """A column of an index file."""

    field: str  # the field of `ClipEntry`
    names: tuple[str, ...]  # the names that the column may have
    position: int | None = None  # the column's position if it has none of these names
    required: bool = True  # True if the column must exist and its values must not be empty
    allowed: tuple[str, ...] = ()  # its allowed values; empty for any text


def read_index(file: Path, columns: Sequence[Column]) -> list[ClipEntry]:
    """Read the given columns of all rows of an index file, a csv with a header, in order.

    Raises:
        UserError: not a csv, a missing column, a value that is not allowed, or a clip that is listed twice.
    """
    rows = _read_rows(file)
    if not rows:
        raise UserError(f"{file} is empty; expected the columns {_column_names(columns)}")
    _, header = rows[0]
    positions = _find_columns(file, [name.strip() for name in header], columns)
    first_rows: dict[tuple[str, ...], int] = {}  # row number of each clip
    entries: list[ClipEntry] = []
    for number, row in rows[1:]:
        where = f"{file}, row {number}"
        entry = _parse_row(where, _select_fields(where, row, positions), columns)
        key = (entry.name, entry.category, entry.split, entry.subset)
        if key in first_rows:
            raise UserError(f"{where}: clip '{entry.name}' is already in row {first_rows[key]}; remove one of them")
        first_rows[key] = number
        entries.append(entry)
    return entries


def _read_rows(file: Path) -> list[tuple[int, list[str]]]:
    """Read the rows that are not empty, with their numbers from 1."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:  # Excel writes a byte order mark
            return [(number, row) for number, row in enumerate(csv.reader(stream), start=1) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file} is not a readable csv ({error}); fetch it again") from error


def _find_columns(file: Path, header: list[str], columns: Sequence[Column]) -> dict[str, int]:
    """Return the position of each field in the csv."""
    positions: dict[str, int] = {}  # by field
    for column in columns:
        name = next(filter(header.__contains__, column.names), None)
        if name is not None:
            positions[column.field] = header.index(name)
        elif column.position is not None and column.position < len(header):
            positions[column.field] = column.position
        elif column.required:
            raise UserError(
                f"{file} has the columns {', '.join(header)} but no '{column.names[0]}'; "
                f"expected: {_column_names(columns)}{nearest(column.names[0], header)}"
            )
    return positions


def _column_names(columns: Sequence[Column]) -> str:
    return ", ".join(column.names[0] for column in columns if column.required)


def _select_fields(where: str, row: list[str], positions: Mapping[str, int]) -> dict[str, str]:
    width = max(positions.values()) + 1
    if len(row) < width:
        raise UserError(f"{where} has only {len(row)} of its {width} fields; complete or remove the row")
    return {field: row[position].strip() for field, position in positions.items()}


def _parse_row(where: str, row: dict[str, str], columns: Sequence[Column]) -> ClipEntry:
    for column in columns:
        value = row.get(column.field, "")
        if column.allowed:
            check_choice(column.names[0], value, column.allowed, where)
        if column.required and not value:
            raise UserError(f"{where}: {column.names[0]} is empty; fill it in or remove the row")
    # MS3 has neither start nor category
    start = row.pop("start", "") or "0"
    try:
        return ClipEntry(**{"category": "", **row}, start=float(start))
    except ValueError as error:
        raise UserError(f"{where}: start '{start}' is not a number of seconds") from error
