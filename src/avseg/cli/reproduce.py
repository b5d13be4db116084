"""`avseg reproduce`: run the missing jobs of a published table or figure, then show our numbers next to the paper's."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from avseg.cli.reproduce_jobs import Reproduction, read_seeds
from avseg.cli.sweeps import report_failures
from avseg.sweep import Job, Outcome, run_jobs
from avseg.sweep.jobs import make_pool, refuse_changed_run_inputs, with_reruns
from avseg.sweep.plan_table import show_plan
from avseg.tables.experiment import Experiment
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
    jobs = with_reruns(reproduction.jobs) if arguments.rerun else reproduction.jobs
    if arguments.dry_run:
        show_plan(jobs, make_pool(jobs, arguments.jobs))
        return 0
    # imported now: mistakes and the list of jobs need neither torch nor scipy
    from avseg.cli.reproduce_table import show

    outcomes: list[Outcome] = []
    if not arguments.no_run:
        _prepare_data(reproduction.experiment, jobs)
        outcomes = run_jobs(jobs, jobs_at_once=arguments.jobs)
    # no row of numbers from other data: without a run, or where the repetition of one failed
    refuse_changed_run_inputs(jobs, without_data=True)
    show(reproduction)
    if reproduction.experiment.sweep.clips:
        from avseg.cli.reproduce_figure import draw_figures

        draw_figures(reproduction)
    code = report_failures(outcomes)
    # with --no-run nothing has failed, but cells may be empty
    return code if all(job.run.complete for job in reproduction.cells.values()) else 1


def _prepare_data(experiment: Experiment, jobs: Sequence[Job]) -> None:
    # the data of all jobs is checked before the first one starts
    from avseg.cli.demo import make_data
    from avseg.training.build import build_data

    configs = {Path(job.config.data.root): job.config for job in jobs if not job.complete}
    for root, config in configs.items():
        if arguments := experiment.sweep.prepare.get(root.name):
            make_data(root, arguments)
        build_data(config).setup("fit")
