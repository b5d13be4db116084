"""Tables of the console; importing this module imports no torch."""

from collections.abc import Collection, Iterable

from rich.console import OverflowMethod
from rich.table import Table

from avseg.utils.console import wide_console

# without a terminal, so that no column is cut in a log
_LOG_WIDTH = 120


def new_table(
    title: str, columns: Iterable[str], text_columns: Collection[str], overflow: OverflowMethod = "ellipsis"
) -> Table:
    """Create a table whose columns are aligned right, as numbers are, except those of text."""
    table = Table(title=title)
    for name in columns:
        table.add_column(name, justify="left" if name in text_columns else "right", overflow=overflow)
    return table


def print_table(table: Table, log_width: int = _LOG_WIDTH) -> None:
    """Print a table; without a terminal it is `log_width` characters wide."""
    wide_console(log_width).print(table)
