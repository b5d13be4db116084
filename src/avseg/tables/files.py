"""Writes everything that a reproduced table leaves on disk."""

import csv
import math
from collections.abc import Iterable
from pathlib import Path

from avseg.tables.latex import latex
from avseg.tables.markdown import markdown
from avseg.tables.table import Comparison, Result, Table
from avseg.utils.files import atomic_file

RESULTS = ["row", "column", "metric", "seeds", "mean", "sd", "low", "high", "published", "difference", "clips", "runs"]
COMPARISONS = ["kind", "first_row", "first_column", "second_row", "second_column", "difference", "clips", "p", "p_holm"]


def write_table(folder: Path, table: Table) -> None:
    """Writes results.csv and comparisons.csv (every number in full), table.md and table.tex."""
    _write_csv(folder / "results.csv", RESULTS, map(_result, table.results))
    _write_csv(folder / "comparisons.csv", COMPARISONS, map(_comparison, table.comparisons))
    for name, text in (("table.md", markdown(table)), ("table.tex", latex(table))):
        with atomic_file(folder / name) as path:
            path.write_text(text, encoding="utf-8")


def _result(result: Result) -> list[str]:
    scores = result.scores
    numbers = (result.mean, result.sd, result.low, result.high, result.published, result.difference)
    return [
        *result.place,
        result.metric,
        " ".join(map(str, scores.values)) if scores else "",
        *map(_number, numbers),
        str(len(scores.clips)) if scores and scores.clips else "",
        " ".join(scores.runs.values()) if scores else "",
    ]


def _comparison(item: Comparison) -> list[str]:
    numbers = (_number(item.difference), str(item.clips), _number(item.p), _number(item.corrected))
    return [item.kind, *item.first, *item.second, *numbers]


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _write_csv(path: Path, columns: list[str], rows: Iterable[list[str]]) -> None:
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
