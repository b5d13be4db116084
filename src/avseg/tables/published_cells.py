"""Read the published.csv of an experiment: the published numbers of its cells, and where each one was read."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from avseg.config.paths import experiment_folder
from avseg.tables.published import FAMILIES, GRADES
from avseg.tables.sweep_file import SweepFile, load_entries
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

NumberKey: TypeAlias = tuple[str, str, str]  # row, column, metric

_COLUMNS = ["row", "column", "metric", "value"]
_SOURCE_COLUMNS = ["family", "grade", "source", "note"]


@dataclass(frozen=True)
class Source:
    """The origin of a number; `family` and `grade` are keys of `FAMILIES` and `GRADES`."""

    family: str
    grade: str
    source: str
    note: str  # empty if there is nothing to add


@dataclass(frozen=True)
class PublishedCells:
    """The published numbers of a table in per cent, and their sources where the file names them."""

    numbers: Mapping[NumberKey, float]
    sources: Mapping[NumberKey, Source]


def read_published_cells(folder: Path, sweep: SweepFile) -> PublishedCells:
    """Read the published numbers, by default those of the extended experiment.

    A missing file, an unknown row, column, family or grade, or a value that is not a number is a `UserError`.
    """
    path = _published_file(folder)
    numbers: dict[NumberKey, float] = {}
    sources: dict[NumberKey, Source] = {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames not in (_COLUMNS, _COLUMNS + _SOURCE_COLUMNS):
            raise UserError(
                f"{path}: the columns must be {','.join(_COLUMNS)}, or those and {','.join(_SOURCE_COLUMNS)}"
            )
        for line in reader:
            check_choice("row", line["row"], sweep.rows, str(path))
            check_choice("column", line["column"], sweep.columns, str(path))
            key = (line["row"], line["column"], str(line["metric"]))
            try:
                numbers[key] = float(line["value"])
            except (TypeError, ValueError):
                raise UserError(f"{path}: {line['row']}, {line['column']}: '{line['value']}' is not a number") from None
            if "source" in line:
                check_choice("family", line["family"], FAMILIES, str(path))
                check_choice("grade", line["grade"], GRADES, str(path))
                sources[key] = Source(line["family"], line["grade"], line["source"], line["note"] or "")
    return PublishedCells(numbers, sources)


def _published_file(folder: Path) -> Path:
    path = folder / "published.csv"
    # an extending experiment may extend another one itself
    while not path.is_file():
        extended = load_entries(path.parent).get("extends")
        if not extended:
            raise UserError(f"{path} does not exist; it holds the published numbers: {','.join(_COLUMNS)}")
        path = experiment_folder(str(extended)) / "published.csv"
    return path
