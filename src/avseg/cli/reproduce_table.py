"""The table of `avseg reproduce`: our numbers next to the paper's, in files and on the console."""

import math
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table as RichTable

from avseg.cli.console_table import print_table
from avseg.cli.reproduce_jobs import Reproduction
from avseg.tables.files import write_table
from avseg.tables.layout import caption, legend, lines, number
from avseg.tables.plot import save_plot
from avseg.tables.scores import Scores, read_scores
from avseg.tables.sweep_file import CellKey
from avseg.tables.table import Result, Table, compare

# symbols of significant differences
_MARKS = {"columns": "*", "rows": "†"}


def results_table(reproduction: Reproduction) -> Table:
    """Build the table of the complete runs; a `UserError` if the files of a run contradict each other."""
    experiment = reproduction.experiment
    results = []
    shown_scores: dict[CellKey, Scores | None] = {}  # in the metric of the cell, to be compared
    for cell in experiment.cells():
        for metric in experiment.metrics_at(cell.key):
            scores = read_scores(reproduction.runs_of(cell), metric)
            published = experiment.numbers.get((cell.row, cell.column, metric), math.nan)
            results.append(Result.of(cell.key, metric, published, scores))
            if metric == experiment.sweep.metric_at(cell.key):
                shown_scores[cell.key] = scores
    comparisons = compare(experiment.sweep.pairs, shown_scores)
    return Table(experiment.sweep, results, comparisons, experiment.sources)


def show(reproduction: Reproduction) -> None:
    """Write the files of a table and print it."""
    table = results_table(reproduction)
    written = _write(reproduction, table)
    print_table(_console_table(table))
    sentences = caption(table)
    if table.comparisons:
        sentences.append(legend(table, _MARKS))
    for sentence in sentences:
        print(f"- {sentence}")
    for path in written:
        print(f"written: {path}")


def _write(reproduction: Reproduction, table: Table) -> list[Path]:
    # returns the files that are worth opening
    folder = reproduction.folder
    write_table(folder, table)
    plot = folder / f"{table.sweep.plot.name}.png"
    save_plot(plot, table, table.sweep.plot)
    return [folder / "table.md", folder / "table.tex", folder / "results.csv", plot]


def _console_table(table: Table) -> RichTable:
    """Build a table with a block per row: ours, the interval, the paper's number and the difference."""
    grid = RichTable(title=escape(table.sweep.title), box=box.SIMPLE_HEAD, padding=(0, 1))
    grid.add_column("", no_wrap=True)
    grid.add_column("", no_wrap=True)
    for name in table.sweep.columns:
        grid.add_column(escape(name), justify="right")
    for row in table.sweep.rows:
        for name, cells in lines(table, row, _ours, _MARKS).items():
            label = escape(row) if name == "ours" else ""
            if name == "interval":
                name = "95 %"
                cells = [cell.strip("[]").replace(", ", "–") for cell in cells]
            style = {"ours": "bold", "95 %": "dim"}.get(name, "")
            grid.add_row(label, name, *map(escape, cells), style=style, end_section=name == "difference")
    return grid


def _ours(result: Result) -> str:
    return number(result.mean) + ("" if math.isnan(result.sd) else f"±{number(result.sd, 1)}")
