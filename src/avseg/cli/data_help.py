"""Run `avseg data help`: explain how to obtain a data set."""

from argparse import Namespace
from itertools import count

from rich.console import Console
from rich.markup import escape

from avseg.cli.data_common import print_line
from avseg.data.check.sources import Source, find_source, read_sources


def run(arguments: Namespace) -> int:
    """Print how to obtain a data set, or the list of all data sets."""
    console = Console()
    if arguments.dataset is not None:
        _print_source(console, find_source(arguments.dataset))
        return 0
    for source in read_sources().values():
        print_line(console, f"[bold]{source.name:8}[/bold] {escape(source.title)}")
    console.print("more: avseg data help NAME")
    return 0


def _print_source(console: Console, source: Source) -> None:
    rows = {
        "holds": [source.content],
        "obtain": map("{}. {}".format, count(1), source.obtain),
        "licence": [source.licence],
        "put it at": [source.folder, *map("  {}".format, source.files)],
        "check it": [source.check],
        "use it": [f"avseg train {source.use}"],
    }
    print_line(console, f"[bold]{escape(source.title)}[/bold]")
    for name, lines in rows.items():
        for line in lines:
            print_line(console, f"  [dim]{name:10}[/dim] {escape(line)}")
            name = ""  # only in front of the first line
