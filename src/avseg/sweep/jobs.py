"""The jobs of a sweep, all composed and checked before the first one starts."""

import logging
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter
from pathlib import Path

from avseg.config.schema import TrainConfig, TrainerConfig
from avseg.runs import RunDirectory, run_id
from avseg.runs.config_drift import SweepRecord
from avseg.runs.configure import training_config
from avseg.runs.inputs import difference_of, read_inputs, refuse_changed_inputs
from avseg.sweep.devices import Pool, found_devices, on_gpu, processes_of
from avseg.utils.errors import UserError

log = logging.getLogger("avseg")

# composing this many takes seconds
_LONG_LIST = 10


@dataclass(frozen=True, eq=False)
class Job:
    """One training run of a sweep."""

    overrides: tuple[str, ...]  # of its plain command
    config: TrainConfig
    name: str  # unique among the jobs
    rerun: bool = False  # True if what exists of its run is archived first

    @cached_property
    def run(self) -> RunDirectory:
        """The directory that it writes."""
        return RunDirectory.of(self.config)

    @cached_property
    def run_id(self) -> str:
        """Its name everywhere."""
        return run_id(self.config)

    @property
    def trainer(self) -> TrainerConfig:
        """The configuration of its trainer."""
        return self.config.trainer

    @property
    def processes(self) -> int:
        """Number of processes that it trains in."""
        if str(self.trainer.devices).isdigit() or not on_gpu(self.trainer, 1):
            return processes_of(self.trainer, 0)
        return processes_of(self.trainer, len(found_devices()))

    @property
    def needs(self) -> dict[str, str]:
        """The command of each run that must be complete first: its Single-source run, the branches of a composition."""
        commands: dict[str, str] = {}
        if self.config.init.run:
            commands[self.config.init.run] = self.config.init.command or ""
        for source in self.config.model.sources().values():
            commands[source.run] = source.command
        return commands

    @property
    def command(self) -> list[str]:
        """The plain command, in this interpreter."""
        rerun = ["--rerun"] if self.rerun else []
        return [sys.executable, "-m", "avseg", "train", *self.overrides, *rerun]

    @property
    def complete(self) -> bool:
        """True if its run has finished and is not to be archived."""
        return self.run.complete and not self.rerun


def plan(commands: Sequence[Sequence[str]], names: Sequence[str] | None = None) -> list[Job]:
    """Compose the jobs of a sweep, named by default by the overrides in which each differs from the others.

    A mistake in any of them, or two that are the same run, are a `UserError`.
    """
    names = _differences(commands) if names is None else names
    if len(commands) >= _LONG_LIST:
        log.info("checking the configurations of %d jobs", len(commands))
    jobs: list[Job] = []
    for overrides, name in zip(commands, names, strict=True):
        config = training_config(list(overrides))
        jobs.append(Job(tuple(overrides), config, name or run_id(config)))
    by_folder: dict[Path, Job] = {}
    for job in jobs:
        first = by_folder.setdefault(job.run.path, job)
        if first is job:
            continue
        if first.overrides == job.overrides:
            raise UserError(f"the job '{' '.join(job.overrides)}' is in the sweep twice; leave one out")
        raise UserError(
            f"the jobs '{first.name}' and '{job.name}' are the same run ({job.run_id}): "
            "their difference does not change the result; leave one out"
        )
    return jobs


def make_pool(jobs: Sequence[Job], jobs_at_once: int | None = None, devices: Sequence[str] | int | None = None) -> Pool:
    """Collect the devices for some jobs: GPUs by name, or the number of the first ones; None for those found.

    A GPU that is named twice is a `UserError`.
    """
    if devices is None:
        # GPUs are not looked for if no job uses one
        devices = found_devices() if any(on_gpu(job.trainer, 1) for job in jobs) else ()
    if isinstance(devices, str):  # as CUDA_VISIBLE_DEVICES is written
        devices = devices.split(",")
    names = list(map(str, range(devices) if isinstance(devices, int) else devices))
    if len(set(names)) != len(names):
        raise UserError(f"hydra.launcher.devices={devices} names a GPU twice; two jobs never share one")
    return Pool(names, jobs_at_once)


def incomplete(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs whose runs are not complete."""
    return [job for job in jobs if not job.complete]


def refuse_too_large(jobs: Sequence[Job], pool: Pool) -> None:
    """Raise `UserError` if a job needs more GPUs than there are."""
    for job in jobs:
        pool.at_once(job.trainer)


def refuse_changed_jobs(jobs: Sequence[Job]) -> None:
    """Raise `UserError` if a change of `conf/` or code gave overrides another meaning since their run was begun."""
    for file, group in _by_sweep_file(jobs).items():
        record = SweepRecord(file)
        for job in group:
            record.refuse_changed(job.name, job.overrides, job.config)


def refuse_changed_run_inputs(jobs: Sequence[Job], *, without_data: bool = False) -> None:
    """Raise `UserError` if a run, finished or begun, was made from other data, weights or plugins than there are.

    `without_data` accepts runs whose data folder is not on this machine.
    """
    for job in jobs:
        if not without_data or Path(job.config.data.root).expanduser().is_dir():
            refuse_changed_inputs(job.run, job.config, name=job.name)


def with_reruns(jobs: Sequence[Job]) -> list[Job]:
    """Mark the jobs whose inputs have changed since their run was begun, and those that need one of them."""
    marked: dict[str, Job] = {}
    for job in jobs:
        inputs = read_inputs(job.run)
        changed = inputs is not None and bool(difference_of(inputs, job.config))
        marked[job.run_id] = replace(job, rerun=changed)
    for name, job in marked.items():
        if any(needed in marked and marked[needed].rerun for needed in job.needs):
            marked[name] = replace(job, rerun=True)
    return list(marked.values())


def remember_jobs(jobs: Sequence[Job]) -> None:
    """Write what the overrides of each job mean now."""
    for file, group in _by_sweep_file(jobs).items():
        SweepRecord(file).remember(list(map(attrgetter("overrides", "config"), group)))


def _by_sweep_file(jobs: Sequence[Job]) -> dict[Path, list[Job]]:
    files: dict[Path, list[Job]] = {}
    for job in jobs:
        files.setdefault(job.run.path.parents[1] / "sweep.json", []).append(job)
    return files


def _differences(commands: Sequence[Sequence[str]]) -> list[str]:
    """Return the overrides of each command that the others do not all have."""
    if len(commands) < 2:
        return [""] * len(commands)
    common = set(commands[0]).intersection(*commands[1:])
    names: list[str] = []
    for overrides in commands:
        names.append(" ".join(override for override in overrides if override not in common))
    return names
