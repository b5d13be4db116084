"""`avseg data toy|compose --setting lu_avs`: makes long videos in the layout of LU-AVS."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avseg.data.lu_avs.synthetic.writer import SplitTotals
    from avseg.data.synthetic.generate import Cast


def make_films(arguments: argparse.Namespace, cast: "Cast", **looks: Any) -> None:
    """Writes the set under a progress bar and prints what it holds.

    Args:
        arguments: of the subverb.
        cast: where actors come from.
        looks: object sizes and background, see `FilmRecipe`.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from avseg.data.lu_avs.synthetic.renderer import FilmRecipe
    from avseg.data.lu_avs.synthetic.writer import write_release

    shortest, longest = arguments.seconds
    recipe = FilmRecipe(cast, arguments.size, (shortest, longest), arguments.hard, arguments.seed, **looks)
    counts = {split: getattr(arguments, split) for split in ("train", "val", "test")}
    hidden = ("run", "verb", "out", "sounding", "frames", "silent_clips", "silent_seconds")
    options = {name: _plain(value) for name, value in vars(arguments).items() if name not in hidden}
    console = Console()
    columns = (TextColumn("making videos"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=sum(counts.values()))
        totals = write_release(arguments.out, recipe, counts, options, lambda: progress.advance(task))
    _print_totals(console, totals)
    console.print(f"written: {arguments.out} (who sounds when, silent objects too: events.csv)")


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _print_totals(console: Any, totals: "dict[str, SplitTotals]") -> None:
    from rich.table import Table

    table = Table(title="long videos")
    for column in ("split", "videos", "boxes alone", "audible segments", "minutes", "silent %"):
        table.add_column(column, justify="left" if column == "split" else "right")
    for split, total in totals.items():
        counts = (str(count) for count in (total.videos, total.hard, total.segments))
        table.add_row(split, *counts, f"{total.seconds / 60:.1f}", f"{100 * total.silence / total.seconds:.1f}")
    console.print(table)
