"""The console of printed tables."""

from rich.console import Console

LOG_WIDTH = 160  # enough for the names of runs


def wide_console(width: int = LOG_WIDTH) -> Console:
    """Return standard output; without a terminal it has a fixed width, so that a log cuts no column."""
    console = Console()
    return console if console.is_terminal else Console(width=width)
