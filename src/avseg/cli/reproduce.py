"""`avseg reproduce`: run the missing jobs of a published table, then show our numbers next to the paper's."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table as RichTable

from avseg.cli.demo import make_data
from avseg.cli.reproduce_jobs import Reproduction, read_seeds
from avseg.cli.scores_table import print_table
from avseg.cli.sweeps import report_failures
from avseg.sweep import Job, Outcome, run_jobs
from avseg.sweep.jobs import make_pool
from avseg.sweep.plan_table import show_plan
from avseg.tables.experiment import Experiment
from avseg.tables.layout import caption, legend, lines, number
from avseg.tables.table import Result, Table
from avseg.training.build import build_data
from avseg.utils.errors import UserError

# symbols of significant differences
_MARKS = {"columns": "*", "rows": "†"}


def run(arguments: argparse.Namespace) -> int:
    """Reproduce a table; return 0 if every cell is complete, else 1. No job starts if there is a mistake in any."""
    if arguments.jobs is not None and arguments.jobs < 1:
        raise UserError(f"--jobs {arguments.jobs}: at least one job must run at a time")
    overrides = list(arguments.overrides)
    if arguments.out is not None:
        # first, so that an explicit paths.outputs wins
        overrides.insert(0, f"paths.outputs={arguments.out}")
    reproduction = Reproduction.of(arguments.table, overrides, read_seeds(arguments.seeds))
    jobs = reproduction.jobs
    if arguments.dry_run:
        show_plan(jobs, make_pool(jobs, arguments.jobs))
        return 0
    outcomes: list[Outcome] = []
    if not arguments.no_run:
        _prepare_data(reproduction.experiment, jobs)
        outcomes = run_jobs(jobs, jobs_at_once=arguments.jobs)
    _show(reproduction)
    code = report_failures(outcomes)
    # with --no-run nothing has failed, but cells may be empty
    return code if all(job.run.complete for job in reproduction.cells.values()) else 1


def _prepare_data(experiment: Experiment, jobs: Sequence[Job]) -> None:
    # the data of all jobs is checked before the first one starts
    configs = {Path(job.config.data.root): job.config for job in jobs if not job.run.complete}
    for root, config in configs.items():
        if arguments := experiment.sweep.prepare.get(root.name):
            make_data(root, arguments)
        build_data(config).setup("fit")


def _show(reproduction: Reproduction) -> None:
    table = reproduction.table()
    written = reproduction.write(table)
    print_table(_console_table(table))
    sentences = caption(table)
    if table.comparisons:
        sentences.append(legend(table, _MARKS))
    for sentence in sentences:
        print(f"- {sentence}")
    for path in written:
        print(f"written: {path}")


def _console_table(table: Table) -> RichTable:
    """Build a table with a block per row: ours, the interval, the paper's number and the difference."""
    grid = RichTable(title=escape(table.sweep.title), box=box.SIMPLE_HEAD, padding=(0, 1))
    grid.add_column("", no_wrap=True)
    grid.add_column("", no_wrap=True)
    for name in table.sweep.columns:
        grid.add_column(escape(name), justify="right")
    for row in table.sweep.rows:
        for name, cells in lines(table, row, _ours, _MARKS).items():
            label = escape(row) if name == "ours" else ""
            if name == "interval":
                name = "95 %"
                cells = [cell.strip("[]").replace(", ", "–") for cell in cells]
            style = {"ours": "bold", "95 %": "dim"}.get(name, "")
            grid.add_row(label, name, *map(escape, cells), style=style, end_section=name == "difference")
    return grid


def _ours(result: Result) -> str:
    return number(result.mean) + ("" if math.isnan(result.sd) else f"±{number(result.sd, 1)}")
