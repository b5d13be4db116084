"""Hydra's door to `avseg.sweep`; imports nothing heavy, since Hydra looks into every plugin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher


@dataclass
class IsolatedLauncherConf:
    """Settings, as `hydra.launcher.KEY=VALUE`."""

    _target_: str = "hydra_plugins.avseg_launcher.isolated.IsolatedLauncher"
    # null: as many as the GPUs allow; on the CPU as many as the processors do, at most 4
    jobs_at_once: int | None = None
    # GPUs to lease: their names, or how many of the first ones; null: those found
    devices: Any = None
    # start nothing new after a failure
    fail_fast: bool = False
    # show the jobs and start none
    dry_run: bool = False


ConfigStore.instance().store(
    group="hydra/launcher", name="isolated", node=IsolatedLauncherConf, provider="avseg_launcher"
)


class IsolatedLauncher(Launcher):  # type: ignore[misc]  # hydra is untyped to mypy (pyproject)
    """Each job is the plain command `avseg train WORD...` in a fresh process with devices of its own.

    Args:
        settings: see `IsolatedLauncherConf`.
    """

    def __init__(self, **settings: Any) -> None:
        self.dry_run = settings.pop("dry_run")
        self.settings = settings

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """Nothing: a job composes its own configuration in its own process."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs the jobs; the return value of each is its `avseg.sweep.Outcome`.

        A failed one counts as returned, too: at the first that does not, Hydra would drop all the others' values.
        """
        from avseg.sweep import plan, run_jobs
        from avseg.sweep.plan_table import show_plan

        jobs = plan(job_overrides)
        if self.dry_run:
            show_plan(jobs)
            return []
        return [
            JobReturn(overrides=list(outcome.job.overrides), status=JobStatus.COMPLETED, _return_value=outcome)
            for outcome in run_jobs(jobs, **self.settings)
        ]
