"""`avseg train -m`: every combination of comma-separated values, through Hydra's sweeper and a launcher."""

import sys
from collections.abc import Callable, Sequence

from omegaconf import DictConfig

from avseg.config.multirun import combinations, hydra_settings, job_overrides, multirun
from avseg.config.schema import Plain
from avseg.sweep import Job, Outcome, plan, run_jobs
from avseg.sweep.jobs import (
    make_pool,
    refuse_changed_jobs,
    refuse_changed_run_inputs,
    refuse_too_large,
    remember_jobs,
)
from avseg.sweep.launchers import is_slurm, outcomes_of, refuse_launcher
from avseg.sweep.plan_table import failures, show_plan
from avseg.utils.errors import UserError


def run_sweep(overrides: list[str], *, dry_run: bool = False, rerun: bool = False) -> int:
    """Run the jobs that the overrides describe, or show them; return 0 if every job is complete, else 1.

    A mistake in any of them, or a launcher that cannot run them, is a `UserError`; then nothing was started.
    """
    settings = hydra_settings(overrides)
    if rerun:
        if settings["name"] != "isolated":
            raise UserError(f"--rerun with hydra/launcher={settings['name']} is not possible; leave the launcher out")
        overrides = [*overrides, "hydra.launcher.rerun=true"]
    jobs = plan(combinations(overrides, settings))
    refuse_launcher(settings, jobs)
    isolated = settings["launcher"] if settings["name"] == "isolated" else {}
    pool = make_pool(jobs, isolated.get("jobs_at_once"), isolated.get("devices"))
    if dry_run or isolated.get("dry_run"):
        show_plan(jobs, pool)
        return 0
    if isolated:
        refuse_too_large(jobs, pool)
    return report_failures(_launch(overrides, jobs, settings))


def report_failures(outcomes: Sequence[Outcome]) -> int:
    """Print the jobs that are not complete, and the reasons; returns the exit code."""
    lines = failures(outcomes)
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


def _launch(overrides: list[str], jobs: Sequence[Job], settings: dict[str, Plain]) -> Sequence[Outcome]:
    # the outcomes of a foreign launcher are read from the run directories alone
    folder = jobs[0].run.path.parents[1] / "logs"
    arguments = [f"hydra.sweep.dir={folder}", "hydra.sweep.subdir=.", *overrides]
    if settings["name"] == "isolated":
        return multirun(arguments, run_in_child)
    refuse_changed_jobs(jobs)
    refuse_changed_run_inputs(jobs)
    remember_jobs(jobs)
    in_process = settings["name"] == "basic" or is_slurm(settings)
    try:
        multirun(arguments, _run_here() if in_process else run_in_child)
    except UserError:
        raise
    except Exception as error:  # a worker was killed: the launcher knows no more, the run directories do
        print(f"hydra/launcher={settings['name']}: {' '.join(str(error).split())[:300]}", file=sys.stderr)
    return outcomes_of(jobs)


def run_in_child(_: DictConfig) -> None:
    """Run a job as a fresh process below the launcher's worker, which may run several one after another."""
    run_jobs(plan([job_overrides()]), jobs_at_once=1)


def _run_here() -> Callable[[DictConfig], None]:
    # the process that plans a sweep of other processes has no use for torch
    from avseg.cli.sweep_job import run_here

    return run_here
