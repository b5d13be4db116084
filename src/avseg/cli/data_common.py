"""Progress bars and checks of arguments shared by the subverbs of `avseg data`."""

from argparse import Namespace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from avseg.utils.errors import UserError


def progress_bar(text: str, console: Console) -> Progress:
    """Return a progress bar that counts items and disappears when it ends."""
    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # without a terminal each refresh would be a line of the log
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def print_line(console: Console, text: str) -> None:
    """Print a line that is coloured by its markup only, and never cut."""
    console.print(text, highlight=False, soft_wrap=True)


def check_minimum(arguments: Namespace, **minimum: int) -> None:
    """Raise `UserError` for a number below its minimum; options that were left out are not checked."""
    for name, least in minimum.items():
        value = getattr(arguments, name)
        if value is not None and value < least:  # None: left out
            raise UserError(f"--{name.replace('_', '-')} is {value}; give {least} or more")


def check_not_folder(option: str, path: Path | None, file: str) -> None:
    """Raise `UserError` if an output path is a folder, before hours of work."""
    if path is not None and path.is_dir():
        raise UserError(f"{option} {path} is a folder; name a {file}")


def recorded_options(arguments: Namespace, omitted: tuple[str, ...]) -> dict[str, object]:
    """Return the options as plain values for generator.json, without the omitted ones."""
    options: dict[str, object] = {}
    for name, value in vars(arguments).items():
        if name not in omitted:
            options[name] = str(value) if isinstance(value, Path) else value
    return options
