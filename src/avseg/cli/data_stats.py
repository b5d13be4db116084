"""Run `avseg data stats`: count the content of data sets, and draw it."""

from argparse import Namespace
from pathlib import Path

from rich.table import Table

from avseg.cli.console_table import new_table
from avseg.cli.data_check import show_progress, write_sets
from avseg.cli.data_common import check_minimum, check_not_folder
from avseg.data.check.examples import read_examples
from avseg.data.check.inspect import compute_statistics, find_settings
from avseg.data.check.statistics import Statistics, quantiles
from avseg.draw.categories import category_counts, draw_categories
from avseg.draw.examples import draw_examples
from avseg.draw.statistics import save_statistics
from avseg.draw.strips import save_figure
from avseg.utils.console import new_console
from avseg.utils.errors import UserError
from avseg.utils.names import printable

_DPI = 150


def run(arguments: Namespace) -> int:
    """Print the statistics of the data sets below the root, and write the figures."""
    check_minimum(arguments, jobs=1, clips=1)
    check_not_folder("--json", arguments.json, "file")
    check_not_folder("--picture", arguments.picture, "png file")
    if arguments.out.is_file():
        raise UserError(f"--out {arguments.out} is a file; name a folder")
    console = new_console()
    settings = find_settings(arguments.root, arguments.setting)
    if arguments.picture is not None and len(settings) > 1:
        raise UserError(f"{arguments.root} holds {', '.join(settings)}; add --setting, an image shows one of them")
    sets: list[Statistics] = []  # one per setting
    for setting in settings:
        with show_progress(console, f"counting {setting}") as progress:
            sets.append(compute_statistics(arguments.root, setting, jobs=arguments.jobs, progress=progress))
        console.print(_statistics_table(sets[-1]))
    if arguments.picture is not None:
        save_statistics(arguments.picture, sets[0], title=str(arguments.root))
        print(printable(f"picture: {arguments.picture}"))
    for statistics in sets:
        for name in arguments.figure or ():
            print(printable(_write_figure(name, statistics, arguments)))
    write_sets(arguments.json, sets)
    return 0


def _write_figure(name: str, statistics: Statistics, arguments: Namespace) -> str:
    """Write a figure as PNG and PDF; return the line that says so, or why there is none."""
    setting = statistics.setting
    if name == "categories":
        if not category_counts(statistics):
            return f"no figure of categories: {setting} at {arguments.root} names none"
        figure = draw_categories(statistics)
    else:
        clips = read_examples(arguments.root, setting, arguments.clips)
        if not clips:
            return f"no figure of examples: {setting} at {arguments.root} holds no clips"
        figure = draw_examples(clips, setting)
    path: Path = arguments.out / f"{name}_{setting}.png"
    save_figure(figure, path, dpi=_DPI)
    save_figure(figure, path.with_suffix(".pdf"))
    return f"figure: {path} and .pdf"


def _statistics_table(statistics: Statistics) -> Table:
    is_long = statistics.setting == "lu_avs"
    columns = ["split", "clips", "frames", "masks", "sounding", "marked %", "length s"]
    if is_long:
        columns = ["split", "videos", "frames", "segments", "silent time", "marked %", "length s", "segment s"]
    table = new_table(f"{statistics.setting}: content", columns, ("split",))
    table.title_justify = "left"
    for name, split in statistics.splits.items():
        row = [name, f"{split.clips:,}", f"{split.frames:,}", f"{split.annotated:,}"]
        # masks say how much sounds, segments how much is silent
        share = split.silent if is_long else 1 - split.silent
        row.append(f"{100 * share:.1f} %" if split.annotated else "-")
        row += [_format_quantiles(split.mask_sizes, 100), _format_quantiles(split.seconds)]
        if is_long:
            row.append(_format_quantiles(split.segments))
        table.add_row(*row)
    table.caption = "marked: share of the image; medians, below them the 10th and the 90th percentile"
    return table


def _format_quantiles(values: list[float], scale: float = 1) -> str:
    summary = quantiles(values)
    if not summary:
        return "-"
    return f"{scale * summary['median']:.1f}\n[dim]{scale * summary['p10']:.1f} - {scale * summary['p90']:.1f}[/dim]"
