"""A Hydra launcher for `avseg.sweep`; imports nothing heavy, because every Hydra program imports every launcher."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher


@dataclass
class IsolatedLauncherConf:
    """Settings, given as `hydra.launcher.KEY=VALUE`."""

    _target_: str = "hydra_plugins.avseg_launcher.isolated.IsolatedLauncher"
    # null: as many as the GPUs allow; on the CPU as many as the cores allow, at most 4
    jobs_at_once: int | None = None
    # GPUs to lease: their names, or the number of the first ones; null: all that are found
    devices: Any = None
    # start nothing after a failure
    fail_fast: bool = False
    # archive and repeat the runs whose data, weights or plugins have changed (`avseg train -m --rerun`)
    rerun: bool = False
    # show the jobs and start none
    dry_run: bool = False


ConfigStore.instance().store(
    group="hydra/launcher", name="isolated", node=IsolatedLauncherConf, provider="avseg_launcher"
)


class IsolatedLauncher(Launcher):  # type: ignore[misc]  # hydra is untyped to mypy (pyproject)
    """Runs each job as the command `avseg train OVERRIDES` in a fresh process with leased devices.

    Args:
        settings: see `IsolatedLauncherConf`.
    """

    def __init__(self, **settings: Any) -> None:
        self.dry_run = settings.pop("dry_run")
        self.rerun = settings.pop("rerun")
        self.settings = settings

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """Do nothing: each job composes its configuration in its own process."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs; the return value of each is its `avseg.sweep.Outcome`.

        Failed jobs have the status COMPLETED, too: Hydra would drop all values at the first other status.
        """
        from avseg.sweep import plan, run_jobs
        from avseg.sweep.jobs import with_reruns
        from avseg.sweep.plan_table import show_plan

        jobs = plan(job_overrides)
        if self.rerun:
            jobs = with_reruns(jobs)
        if self.dry_run:
            show_plan(jobs)
            return []
        results = []
        for outcome in run_jobs(jobs, **self.settings):
            overrides = list(outcome.job.overrides)
            results.append(JobReturn(overrides=overrides, status=JobStatus.COMPLETED, _return_value=outcome))
        return results
