"""Write the files of a reproduced table."""

import csv
import io
import math
from pathlib import Path

from avseg.tables.latex import latex
from avseg.tables.markdown import markdown
from avseg.tables.table import Comparison, Result, Table
from avseg.utils.files import write_text

RESULTS = ["row", "column", "metric", "seeds", "mean", "sd", "low", "high", "published", "difference", "clips", "runs"]
COMPARISONS = ["kind", "first_row", "first_column", "second_row", "second_column", "difference", "clips", "p", "p_holm"]


def write_table(folder: Path, table: Table) -> None:
    """Write results.csv and comparisons.csv with every number in full, table.md and table.tex."""
    _write_csv(folder / "results.csv", [RESULTS, *map(_result_row, table.results)])
    _write_csv(folder / "comparisons.csv", [COMPARISONS, *map(_comparison_row, table.comparisons)])
    write_text(folder / "table.md", markdown(table))
    write_text(folder / "table.tex", latex(table))


def _result_row(result: Result) -> list[str]:
    seeds = clips = runs = ""  # empty until a run is complete
    if result.scores:
        seeds = " ".join(map(str, result.scores.values))
        clips = str(len(result.scores.clips) or "")
        runs = " ".join(result.scores.runs.values())
    numbers = (result.mean, result.sd, result.low, result.high, result.published, result.difference)
    return [*result.key, result.metric, seeds, *map(_number, numbers), clips, runs]


def _comparison_row(item: Comparison) -> list[str]:
    numbers = (_number(item.difference), str(item.clips), _number(item.p), _number(item.corrected))
    return [item.axis, *item.first, *item.second, *numbers]


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"  # float32 scores have about 7 digits


def _write_csv(path: Path, rows: list[list[str]]) -> None:
    text = io.StringIO()  # csv quotes names with commas, such as "1,2,3,4"
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(path, text.getvalue())
