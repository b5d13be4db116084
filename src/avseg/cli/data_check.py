"""Run `avseg data check`: check a data set."""

import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from avseg.cli.data_common import check_minimum, check_not_folder, print_line, progress_bar
from avseg.cli.shards import read_shard
from avseg.data.check.clips import Progress
from avseg.data.check.findings import ISSUES, Report
from avseg.data.check.fixes import apply_fixes
from avseg.data.check.inspect import find_settings, inspect_set
from avseg.data.check.published import CUSTOM
from avseg.data.check.sharded import check_on_ray, check_shard, merge_shards
from avseg.data.check.statistics import Statistics
from avseg.utils.choices import check_choice
from avseg.utils.console import new_console
from avseg.utils.errors import UserError
from avseg.utils.files import write_text
from avseg.utils.names import printable
from avseg.utils.shards import Shard


def run_check(arguments: Namespace) -> int:
    """Check every data set below the root; return 0 if nothing was found, else 1."""
    for issue in arguments.ignore:
        check_choice("--ignore", issue, ISSUES)
    check_minimum(arguments, show=0, min_pixels=0, jobs=1)
    check_not_folder("--json", arguments.json, "file")
    shard = read_shard(arguments, json=arguments.json, fix=arguments.fix)
    if arguments.reports is None and (shard is not None or arguments.merge):
        raise UserError("--reports: name a folder for the results of the shards")
    console = new_console()
    if shard is not None:
        return _run_shard(console, shard, arguments)
    reports: list[Report] = []
    expected = CUSTOM if arguments.own else None
    for setting in find_settings(arguments.root, arguments.setting):
        options: dict[str, Any] = {"min_pixels": arguments.min_pixels}
        if arguments.merge:
            report = merge_shards(arguments.root, setting, arguments.reports, expected, **options)
        elif arguments.ray is not None:
            with show_progress(console, f"checking {setting}") as progress:
                report = check_on_ray(arguments.root, setting, arguments.ray, expected, progress=progress, **options)
        else:
            with show_progress(console, f"checking {setting}") as progress:
                options |= {"jobs": arguments.jobs, "progress": progress}
                report = inspect_set(arguments.root, setting, expected, **options)
        if arguments.fix:
            apply_fixes(report)
        report.ignore(arguments.ignore)
        _print_report(console, report, arguments)
        reports.append(report)
    write_sets(arguments.json, reports)
    return 0 if all(report.valid for report in reports) else 1


def _run_shard(console: Console, shard: Shard, arguments: Namespace) -> int:
    """Read the shard's part of every data set below the root; return 1 if its files have findings."""
    total = 0
    for setting in find_settings(arguments.root, arguments.setting):
        with show_progress(console, f"checking {setting}") as progress:
            count, findings = check_shard(
                arguments.root,
                setting,
                shard,
                arguments.reports,
                CUSTOM if arguments.own else None,
                jobs=arguments.jobs,
                ray=arguments.ray,
                min_pixels=arguments.min_pixels,
                progress=progress,
            )
        noun = "videos" if setting == "lu_avs" else "clips"
        text = f"{count:,} {noun} of {setting} read, {findings:,} findings; --merge lists them"
        print_line(console, f"shard {shard}: {text}")
        total += findings
    return 1 if total else 0


@contextmanager
def show_progress(console: Console, text: str) -> Iterator[Progress]:
    """Show a progress bar; yields the function that advances it."""
    with progress_bar(text, console) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print_report(console: Console, report: Report, arguments: Namespace) -> None:
    console.print(_counts_table(report))
    print_line(console, escape("; ".join(f"{name}: {value}" for name, value in report.facts.items())))
    print_line(console, f"[dim]expected:[/dim] {escape(report.source)}")
    for note in report.notes:
        print_line(console, f"[dim]note:[/dim] {escape(note)}")
    for finding in report.fixed:
        print_line(console, f"[green]fixed[/green] {escape(finding.file)}: {escape(finding.fix)}")
    has_more = False  # True if findings were left out
    for issue, findings in report.by_issue().items():
        print_line(console, f"[bold red]{issue}[/bold red] ({len(findings):,}): {ISSUES[issue]}")
        for finding in findings[: arguments.show]:
            prefix = f"{finding.file}: " if finding.file else ""
            print_line(console, f"  {escape(printable(prefix + finding.message))}")
        if len(findings) > arguments.show:
            has_more = True
            print_line(console, f"  ... and {len(findings) - arguments.show:,} more")
        # the same advice once, also if only the number of findings is shown
        for fix in dict.fromkeys(finding.fix for finding in findings[: max(arguments.show, 1)]):
            print_line(console, f"  [dim]->[/dim] {escape(fix)}")
    print_line(console, _verdict(report))
    if has_more and arguments.json is None:
        console.print("all of them: --json FILE")


def _counts_table(report: Report) -> Table:
    table = Table(title=escape(printable(f"{report.setting}: {report.root}")), title_justify="left")
    table.add_column("split")
    table.add_column("videos" if report.setting == "lu_avs" else "clips", justify="right")
    table.add_column("expected", justify="right")
    table.add_column("")
    # a message about a split begins with its name
    wrong_splits = {finding.message.split(":")[0] for finding in report.findings if finding.issue == "count"}
    for split, clips in report.counts.items():
        if split in report.expected:
            mark = "[red]no[/red]" if split in wrong_splits else "[green]yes[/green]"
            table.add_row(split, f"{clips:,}", f"{report.expected[split]:,}", mark)
        else:
            table.add_row(split, f"{clips:,}", "", "")
    return table


def _verdict(report: Report) -> str:
    if report.valid:
        return f"[bold green]{report.setting}: complete and valid[/bold green]"
    findings = f"{len(report.findings):,} finding{'s' if len(report.findings) > 1 else ''}"
    if report.complete:
        return f"[bold yellow]{report.setting}: complete, but {findings}[/bold yellow]"
    return f"[bold red]{report.setting}: not complete; {findings}[/bold red]"


def write_sets(path: Path | None, sets: Sequence[Report | Statistics]) -> None:
    """Write reports or statistics as json, if a file is named."""
    if path is not None:
        content = {"sets": [data_set.as_json() for data_set in sets]}
        write_text(path, json.dumps(content, indent=2) + "\n")
