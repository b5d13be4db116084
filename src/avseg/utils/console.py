"""The console of printed tables."""

from rich.console import Console

LOG_WIDTH = 160  # enough for the names of runs


def new_console(width: int | None = None, *, stderr: bool = False) -> Console:
    """Return standard output; ":o:" in a file name stays as written instead of becoming a picture."""
    return Console(width=width, stderr=stderr, emoji=False)


def wide_console(width: int = LOG_WIDTH) -> Console:
    """Return standard output; without a terminal it has a fixed width, so that a log cuts no column."""
    console = new_console()
    return console if console.is_terminal else new_console(width)
