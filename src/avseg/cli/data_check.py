"""`avseg data check`, `stats` and `help`: is a set complete and sound, what is in it, where does it come from."""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from avseg.utils.errors import UserError, nearest

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from avseg.data.check import Report, Source, Statistics

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Tell: TypeAlias = Callable[[int, int], None]

_SETTINGS = ("s4", "ms3", "avss", "lu_avs")
_CHECK_EPILOG = """\
exit code: 0 complete and sound, 1 something is wrong, 2 the command itself.
examples:
  avseg data check data/AVSBench                       every set below, one screen each
  avseg data check data/LU-AVS --setting lu_avs --json lu_avs.json
  avseg data check data/AVSBench/Semantic --ignore 'stray pixels' 'stray colour'
"""
_STATS_EPILOG = """\
example:
  avseg data stats data/AVSBench/Multi-sources --picture ms3.png --json ms3.json
"""
_HELP_EPILOG = """\
examples:
  avseg data help          all data sets
  avseg data help s4
"""


def add_parsers(subverbs: Commands) -> None:
    """Adds the subverbs `check`, `stats` and `help`."""
    check = _parser(subverbs, "check", "tell whether a data set is complete and sound", _CHECK_EPILOG)
    _add_set(check)
    check.add_argument("--fix", action="store_true", help="mend where nothing can be lost: leftovers, log-mel files")
    check.add_argument("--own", action="store_true", help="an own set in this layout: no published numbers")
    check.add_argument("--ignore", nargs="+", default=[], metavar="KIND", help="kinds of findings to leave out")
    check.add_argument("--show", type=int, default=3, metavar="N", help="findings shown of each kind; default: 3")
    text = "AVSS: smaller spots of a class are stray pixels; default: 10"
    check.add_argument("--min-pixels", type=int, default=10, metavar="N", help=text)
    check.set_defaults(run=run_check)
    stats = _parser(subverbs, "stats", "count what a data set holds, as a table and a picture", _STATS_EPILOG)
    _add_set(stats)
    stats.add_argument("--picture", type=Path, metavar="FILE", help="write it as a png")
    stats.set_defaults(run=run_stats)
    helps = _parser(subverbs, "help", "how to obtain a data set, its licence, where to put it", _HELP_EPILOG)
    helps.add_argument("dataset", nargs="?", metavar="DATASET", help="its name; default: all of them in a line each")
    helps.set_defaults(run=run_help)


def run_check(arguments: argparse.Namespace) -> int:
    """Checks every set below the root; 0 if nothing is wrong, else 1."""
    from rich.console import Console

    from avseg.data.check import KINDS, find_settings, inspect_set, mend
    from avseg.data.check.published import OWN

    for kind in arguments.ignore:
        if kind not in KINDS:
            raise UserError(f"--ignore {kind} is unknown; allowed: {', '.join(KINDS)}{nearest(kind, KINDS)}")
    _check_least(arguments, show=0, min_pixels=0, jobs=1)
    _check_files(arguments, json="file")
    console, reports = Console(soft_wrap=False), []
    for setting in find_settings(arguments.root, arguments.setting):
        with _progress(console, f"checking {setting}") as tell:
            expected = OWN if arguments.own else None
            options = {"jobs": arguments.jobs, "least": arguments.min_pixels, "tell": tell}
            report = inspect_set(arguments.root, setting, expected, **options)
        if arguments.fix:
            mend(report)
        report.without(arguments.ignore)
        _show_report(console, report, arguments)
        reports.append(report)
    if arguments.json is not None:
        _write_json(arguments.json, {"sets": [report.as_json() for report in reports]})
    return 0 if all(report.sound for report in reports) else 1


def run_stats(arguments: argparse.Namespace) -> int:
    """Counts what the sets below the root hold."""
    from rich.console import Console

    from avseg.data.check import find_settings, statistics_of

    _check_least(arguments, jobs=1)
    _check_files(arguments, json="file", picture="png file")
    console = Console()
    settings = find_settings(arguments.root, arguments.setting)
    if arguments.picture is not None and len(settings) > 1:
        raise UserError(f"{arguments.root} holds {', '.join(settings)}; add --setting, a picture shows one of them")
    sets = []
    for setting in settings:
        with _progress(console, f"counting {setting}") as tell:
            sets.append(statistics_of(arguments.root, setting, jobs=arguments.jobs, tell=tell))
        console.print(_statistics_table(sets[-1]))
    if arguments.picture is not None:
        from avseg.draw.statistics import save_statistics

        save_statistics(arguments.picture, sets[0], title=str(arguments.root))
        console.print(f"picture: {arguments.picture}")
    if arguments.json is not None:
        _write_json(arguments.json, {"sets": [one.as_json() for one in sets]})
    return 0


def run_help(arguments: argparse.Namespace) -> int:
    """Says where a data set comes from."""
    from rich.console import Console

    from avseg.data.check.sources import SOURCES, find_source

    console = Console()
    if arguments.dataset is not None:
        _say(console, _source_text(find_source(arguments.dataset)))
        return 0
    for source in SOURCES.values():
        _say(console, f"[bold]{source.name:8}[/bold] {source.title}")
    console.print("more: avseg data help NAME")
    return 0


def _parser(commands: Commands, name: str, text: str, epilog: str) -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    return commands.add_parser(name, help=text, description=text, epilog=epilog, formatter_class=shape)


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("root", type=Path, metavar="ROOT", help="the set's folder, or one that holds several releases")
    parser.add_argument("--setting", choices=_SETTINGS, help="default: whatever lies there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as json")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes; default: one for each processor")


def _check_least(arguments: argparse.Namespace, **least: int) -> None:
    for name, number in least.items():
        given = getattr(arguments, name)
        if given is not None and given < number:
            raise UserError(f"--{name.replace('_', '-')} is {given}; give {number} or more")


def _check_files(arguments: argparse.Namespace, **kinds: str) -> None:
    """Before hours of reading."""
    for name, kind in kinds.items():
        path: Path | None = getattr(arguments, name)
        if path is not None and path.is_dir():
            raise UserError(f"--{name} {path} is a folder; name a {kind}")


def _say(console: "Console", text: str) -> None:
    """A line in which nothing but the markup is coloured, and which is never cut."""
    console.print(text, highlight=False, soft_wrap=True)


@contextmanager
def _progress(console: "Console", text: str) -> Iterator[Tell]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _show_report(console: "Console", report: "Report", arguments: argparse.Namespace) -> None:
    from rich.markup import escape

    facts = [f"{name}: {value}" for name, value in report.facts.items()]
    console.print(_counts_table(report))
    _say(console, escape("; ".join(facts)))
    _say(console, f"[dim]expected:[/dim] {escape(report.source)}")
    for note in report.notes:
        _say(console, f"[dim]note:[/dim] {escape(note)}")
    for finding in report.mended:
        _say(console, f"[green]mended[/green] {escape(finding.file)}: {escape(finding.mend)}")
    _show_findings(console, report, arguments.show)
    _say(console, _verdict(report))
    hidden = [found for found in report.by_kind().values() if len(found) > arguments.show]
    if hidden and arguments.json is None:
        console.print("all of them: --json FILE")


def _counts_table(report: "Report") -> "Table":
    from rich.table import Table

    table = Table(title=f"{report.setting}: {report.root}", title_justify="left")
    for column in ("split", "videos" if report.setting == "lu_avs" else "clips", "expected", ""):
        table.add_column(column, justify="left" if column in ("split", "") else "right")
    wrong = {finding.what.split(":")[0] for finding in report.findings if finding.kind == "count"}
    for split, count in report.counts.items():
        wanted = report.expected.get(split)
        mark = "" if wanted is None else "[red]no[/red]" if split in wrong else "[green]yes[/green]"
        table.add_row(split, f"{count:,}", "" if wanted is None else f"{wanted:,}", mark)
    return table


def _show_findings(console: "Console", report: "Report", show: int) -> None:
    from rich.markup import escape

    from avseg.data.check import KINDS

    for kind, found in report.by_kind().items():
        _say(console, f"[bold red]{kind}[/bold red] ({len(found):,}): {KINDS[kind]}")
        for finding in found[:show]:
            where = f"{finding.file}: " if finding.file else ""
            _say(console, f"  {escape(where + finding.what)}")
        if len(found) > show:
            _say(console, f"  ... and {len(found) - show:,} more")
        for mend in dict.fromkeys(finding.mend for finding in found[: max(show, 1)]):
            _say(console, f"  [dim]->[/dim] {escape(mend)}")


def _verdict(report: "Report") -> str:
    if report.sound:
        return f"[bold green]{report.setting}: complete and sound[/bold green]"
    count = f"{len(report.findings):,} finding{'s' if len(report.findings) > 1 else ''}"
    if report.complete:
        return f"[bold yellow]{report.setting}: complete, but {count}[/bold yellow]"
    return f"[bold red]{report.setting}: not complete; {count}[/bold red]"


def _statistics_table(statistics: "Statistics") -> "Table":
    from rich.table import Table

    long = statistics.setting == "lu_avs"
    table = Table(title=f"{statistics.setting}: what is in it", title_justify="left")
    names = ("videos", "frames", "segments", "silent time") if long else ("clips", "frames", "masks", "sounding")
    for column in ("split", *names, "marked %", "length s", *(("segment s",) if long else ())):
        table.add_column(column, justify="left" if column == "split" else "right")
    for name, split in statistics.splits.items():
        share = split.silent if long else 1 - split.silent
        counts = [f"{count:,}" for count in (split.clips, split.frames, split.annotated)]
        spreads = [_spread(split.mask_sizes, 100), _spread(split.seconds)] + [_spread(split.segments)] * long
        table.add_row(name, *counts, f"{100 * share:.1f} %" if split.annotated else "-", *spreads)
    table.caption = "marked: share of the picture; medians, below them the tenth and the ninetieth percentile"
    return table


def _spread(values: list[float], scale: float = 1) -> str:
    from avseg.data.check.statistics import quantiles

    found = quantiles(values)
    if not found:
        return "-"
    return f"{scale * found['median']:.1f}\n[dim]{scale * found['p10']:.1f} - {scale * found['p90']:.1f}[/dim]"


def _source_text(source: "Source") -> str:
    from rich.markup import escape

    steps = [f"{number}. {step}" for number, step in enumerate(source.obtain, 1)]
    rows = {
        "holds": [source.holds],
        "obtain": steps,
        "licence": [source.licence],
        "put it at": [source.place, *(f"  {file}" for file in source.files)],
        "check it": [source.check],
        "use it": [f"avseg train {source.use}"],
    }
    lines = [f"[bold]{escape(source.title)}[/bold]"]
    for name, texts in rows.items():
        lines += [f"  [dim]{name if place == 0 else '':10}[/dim] {escape(text)}" for place, text in enumerate(texts)]
    return "\n".join(lines)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    from avseg.utils.files import atomic_file

    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
