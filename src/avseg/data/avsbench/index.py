"""Index files of AVSBench: the csv that names every clip and its split.

They are read as the official scripts read them: `split` (and `category`, `uid`, `label`) by the column's name, the
clip's name and start second by a known name or else by their place. The name is taken as it stands, which for S4 is the
name of the clip's folder: a start second is never appended to it.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avseg.utils.errors import UserError, nearest

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class ClipEntry:
    """One row of the index file.

    Attributes:
        name: the clip's name, also the name of its folder.
        category: what sounds; empty where the data set does not say (MS3).
        split: "train", "val" or "test".
        start: second of the original video at which the clip begins.
        subset: AVSS only: "v1s", "v1m" or "v2".
    """

    name: str
    category: str
    split: str
    start: float = 0.0
    subset: str = ""


@dataclass(frozen=True)
class Column:
    """A column of an index file: our field, the names it may carry, and where it stands if it carries none of them.

    Attributes:
        allowed: the values that may stand in it; empty = any text but an empty one where `needed`.
    """

    field: str
    names: tuple[str, ...]
    place: int | None = None
    needed: bool = True
    allowed: tuple[str, ...] = ()


def read_index(file: Path, columns: Sequence[Column]) -> list[ClipEntry]:
    """All rows of an index file, in order.

    Args:
        file: a csv with a header.
        columns: the columns to read; others are ignored.

    Raises:
        UserError: not a csv, a column is missing, a value is not allowed, a clip stands twice.
    """
    lines = _read_lines(file)
    if not lines:
        raise UserError(f"{file} is empty; expected the columns {_names(columns)}")
    places = _places(file, [name.strip() for name in lines[0][1]], columns)
    first_seen: dict[tuple[str, ...], int] = {}
    entries = []
    for line, row in lines[1:]:
        where = f"{file}, row {line}"
        entry = _entry(where, _pick(where, row, places), columns)
        key = (entry.name, entry.category, entry.split, entry.subset)
        if key in first_seen:
            raise UserError(f"{where}: clip '{entry.name}' stands already in row {first_seen[key]}; remove one of them")
        first_seen[key] = line
        entries.append(entry)
    return entries


def _read_lines(file: Path) -> list[tuple[int, list[str]]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            return [(number, row) for number, row in enumerate(csv.reader(stream), start=1) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file} is not a readable csv ({error}); fetch it again") from error


def _places(file: Path, header: list[str], columns: Sequence[Column]) -> dict[str, int]:
    """The place of each of our fields in the csv."""
    places: dict[str, int] = {}
    for column in columns:
        named = [header.index(name) for name in column.names if name in header]
        if named:
            places[column.field] = named[0]
        elif column.place is not None and column.place < len(header):
            places[column.field] = column.place
        elif column.needed:
            raise UserError(
                f"{file} has the columns {', '.join(header)} but no '{column.names[0]}'; "
                f"expected: {_names(columns)}{nearest(column.names[0], header)}"
            )
    return places


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(column.names[0] for column in columns if column.needed)


def _pick(where: str, row: list[str], places: Mapping[str, int]) -> dict[str, str]:
    needed = max(places.values()) + 1
    if len(row) < needed:
        raise UserError(f"{where} has only {len(row)} of its {needed} fields; complete or remove the row")
    return {field: row[place].strip() for field, place in places.items()}


def _entry(where: str, row: dict[str, str], columns: Sequence[Column]) -> ClipEntry:
    for column in columns:
        value = row.get(column.field, "")
        if column.allowed and value not in column.allowed:
            allowed = f"{', '.join(column.allowed)}{nearest(value, column.allowed)}"
            raise UserError(f"{where}: {column.names[0]} '{value}' is unknown; allowed: {allowed}")
        if column.needed and not value:
            raise UserError(f"{where}: {column.names[0]} is empty; fill it in or remove the row")
    start = row.pop("start", "") or "0"
    try:
        return ClipEntry(**{"category": "", **row}, start=float(start))
    except ValueError as error:
        raise UserError(f"{where}: start '{start}' is not a number of seconds") from error
