"""`avseg train -m`: every combination of comma-separated values, through Hydra's sweeper and a launcher."""

import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from avseg.utils.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from avseg.sweep import Job, Outcome


def sweep(overrides: list[str], dry_run: bool = False) -> int:
    """Runs the jobs that the overrides stand for.

    Args:
        overrides: Hydra overrides, some with several values.
        dry_run: show the jobs and start none.

    Returns:
        0 when every job is complete, else 1.

    Raises:
        UserError: a mistake in any of the jobs, or a launcher that cannot run them; nothing was started.
    """
    from avseg.config.multirun import combinations, hydra_settings
    from avseg.sweep import plan
    from avseg.sweep.jobs import make_pool, refuse_too_large
    from avseg.sweep.launchers import refuse_launcher
    from avseg.sweep.plan_table import show_plan

    settings = hydra_settings(overrides)
    commands = combinations(overrides, settings)
    jobs = plan(commands)
    refuse_launcher(settings, jobs)
    own = settings["launcher"] if settings["name"] == "isolated" else {}
    pool = make_pool(jobs, own.get("jobs_at_once"), own.get("devices"))
    if dry_run or own.get("dry_run"):
        show_plan(jobs, pool)
        return 0
    if own:
        refuse_too_large(jobs, pool)
    return conclude(_launch(overrides, jobs, settings))


def conclude(outcomes: Sequence["Outcome"]) -> int:
    """Says which jobs are not complete, and why; the exit code."""
    from avseg.sweep.plan_table import failures

    lines = failures(outcomes)
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


def _launch(overrides: list[str], jobs: Sequence["Job"], settings: dict[str, Any]) -> Sequence["Outcome"]:
    """Through Hydra; another launcher than ours is believed only what lies in the run directories."""
    from avseg.config.multirun import multirun
    from avseg.sweep.launchers import is_slurm, outcomes_of
    from avseg.sweep.override_drift import refuse_changed_words, remember_words

    folder = jobs[0].run.path.parents[1] / "logs"
    words = [f"hydra.sweep.dir={folder}", "hydra.sweep.subdir=.", *overrides]
    if settings["name"] == "isolated":
        return multirun(words, run_here)
    refuse_changed_words(jobs)
    remember_words(jobs)
    try:
        multirun(words, run_here if settings["name"] == "basic" or is_slurm(settings) else run_in_child)
    except UserError:
        raise
    except Exception as error:  # a worker was killed: the launcher knows no more, the run directories do
        print(f"hydra/launcher={settings['name']}: {' '.join(str(error).split())[:300]}", file=sys.stderr)
    return outcomes_of(jobs)


def run_here(_: "DictConfig") -> None:
    """A job in the process that the launcher gives it; under SLURM each of its tasks calls this."""
    from avseg.cli.train import train_and_show

    words = _words()
    program = sys.argv[0]
    # a job is the plain command of its own: so says its manifest
    sys.argv = [program, "train", *words]
    try:
        with _as_if_alone():
            train_and_show(words)
    except UserError as error:
        print(f"this job failed: {error}", file=sys.stderr)
    except Exception:  # stops no other job; the run directory remembers it
        traceback.print_exc()


def run_in_child(_: "DictConfig") -> None:
    """A job as a fresh process below the launcher's worker, which may run several one after another."""
    from avseg.sweep import plan, run_jobs

    run_jobs(plan([_words()]), jobs_at_once=1)


def _words() -> list[str]:
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    return [str(word) for word in OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False) or ()]


@contextmanager
def _as_if_alone() -> Iterator[None]:
    """Takes back what a job leaves in the process, by which the next one would think that it is one of several."""
    import torch.distributed as processes

    before = dict(os.environ)
    try:
        yield
    finally:
        if processes.is_available() and processes.is_initialized():
            processes.destroy_process_group()
        os.environ.clear()
        os.environ.update(before)
