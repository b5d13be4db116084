"""Show a reproduced table on the terminal."""

import math

from rich import box
from rich.markup import escape
from rich.table import Table as RichTable

from avseg.tables.layout import caption, legend, lines, number
from avseg.tables.table import Result, Table

_MARKS = {"columns": "*", "rows": "†"}


def console_table(table: Table) -> RichTable:
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


def explanations(table: Table) -> list[str]:
    """Explain the numbers and marks, a sentence each."""
    sentences = caption(table)
    if table.comparisons:
        sentences.append(legend(table, _MARKS))
    return sentences


def _ours(result: Result) -> str:
    return number(result.mean) + ("" if math.isnan(result.sd) else f"±{number(result.sd, 1)}")
