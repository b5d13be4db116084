"""`avseg reproduce`: run the missing jobs of a published table, then show our numbers next to the paper's."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from avseg.cli.demo import make_data
from avseg.cli.reproduce_jobs import Reproduction, read_seeds
from avseg.cli.reproduced_table import console_table, explanations
from avseg.cli.scores_table import print_table
from avseg.sweep import Job, run_jobs
from avseg.sweep.jobs import make_pool
from avseg.sweep.plan_table import failures, show_plan
from avseg.tables.experiment import Experiment
from avseg.training.build import build_data
from avseg.utils.errors import UserError


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
    problems: list[str] = []
    if not arguments.no_run:
        _prepare_data(reproduction.experiment, jobs)
        problems = failures(run_jobs(jobs, jobs_at_once=arguments.jobs))
    _show(reproduction)
    for line in problems:
        print(line, file=sys.stderr)
    # with --no-run there are no problems, but cells may be empty
    return 1 if problems or reproduction.incomplete else 0


def _prepare_data(experiment: Experiment, jobs: Sequence[Job]) -> None:
    """Generate the toy data of the table, and check the data of all jobs before the first one starts."""
    configs = {Path(job.config.data.root): job.config for job in jobs if not job.run.complete}
    for root, config in configs.items():
        if arguments := experiment.sweep.prepare.get(root.name):
            make_data(root, arguments)
        build_data(config).setup("fit")


def _show(reproduction: Reproduction) -> None:
    table = reproduction.table()
    written = reproduction.write(table)
    print_table(console_table(table))
    for sentence in explanations(table):
        print(f"- {sentence}")
    for path in written:
        print(f"written: {path}")
