"""A reproduced table on the terminal."""

import math

from rich import box
from rich.markup import escape
from rich.table import Table as RichTable

from avseg.tables.layout import caption, legend, lines, number
from avseg.tables.table import Result, Table

_MARKS = {"columns": "*", "rows": "†"}


def console_table(table: Table) -> RichTable:
    """Ours, the paper's and the difference: a block of lines per row."""
    shown = RichTable(title=escape(table.title), box=box.SIMPLE_HEAD, padding=(0, 1))
    shown.add_column("", no_wrap=True)
    shown.add_column("", no_wrap=True)
    for name in table.columns:
        shown.add_column(escape(name), justify="right")
    for row in table.rows:
        for name, cells in lines(table, row, _ours).items():
            first = name == "ours"
            style = "bold" if first else "dim" if name == "interval" else ""
            shown.add_row(
                escape(row) if first else "",
                "95 %" if name == "interval" else name,
                *(escape(cell.strip("[]").replace(", ", "–") if name == "interval" else cell) for cell in cells),
                style=style,
                end_section=name == "difference",
            )
    return shown


def explanations(table: Table) -> list[str]:
    """What its numbers and marks mean, a sentence each."""
    return [*caption(table), *([legend(table, _MARKS)] if table.comparisons else [])]


def _ours(result: Result, marks: set[str]) -> str:
    sd = "" if math.isnan(result.sd) else f"±{number(result.sd, 1)}"
    return number(result.mean) + sd + "".join(mark for kind, mark in _MARKS.items() if kind in marks)
