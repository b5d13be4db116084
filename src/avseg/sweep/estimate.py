"""Estimate the remaining time of jobs from finished runs of the same kind: seconds per epoch times epochs."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from pathlib import Path
from statistics import median

from avseg.config.read import train_config
from avseg.config.schema import TrainConfig
from avseg.runs import RunDirectory, read_config, read_json
from avseg.sweep.devices import Pool, on_gpu, processes_of
from avseg.sweep.jobs import Job, incomplete, make_pool
from avseg.utils.errors import UserError


@dataclass(frozen=True)
class Estimate:
    """The expected duration of some jobs."""

    hours: float  # sum over the jobs with an estimate
    wall_hours: float  # the same with as many at once as the devices allow
    estimated: int  # number of jobs with an estimate
    unknown: int  # number of jobs without one, since no run like them has finished
    runs: int  # number of finished runs that it is based on

    def __str__(self) -> str:
        if not self.estimated:
            return "no estimate: no run of this kind has finished" if self.unknown else "nothing to do"
        text = f"about {_amount(self.wall_hours)} ({_amount(self.hours)} of jobs), from {self.runs} finished runs"
        return text + (f"; no estimate for {self.unknown} more jobs" if self.unknown else "")


def estimate(jobs: Sequence[Job], pool: Pool | None = None) -> Estimate:
    """Estimate the time of those jobs that are not complete, by the finished runs in their outputs."""
    todo = incomplete(jobs)
    pool = pool or make_pool(todo)
    folders = {Path(job.config.paths.outputs).expanduser() for job in todo}
    finished = list(chain.from_iterable(map(_finished, sorted(folders))))
    hours: list[float] = []
    wall_hours = 0.0
    used: set[Path] = set()
    for job in todo:
        if similar := _similar(job, finished, len(pool.devices)):
            seconds = median(map(attrgetter("seconds_per_epoch"), similar))
            hours.append(seconds * (job.trainer.max_epochs or 1) / 3600)
            wall_hours += hours[-1] / min(_at_once(job, pool), len(todo))
            used.update(map(attrgetter("path"), similar))
    return Estimate(sum(hours), wall_hours, len(hours), len(todo) - len(hours), len(used))


def _at_once(job: Job, pool: Pool) -> int:
    # one for a job that is planned here and runs on another machine
    try:
        return pool.at_once(job.trainer)
    except UserError:
        return 1


@dataclass(frozen=True)
class _Finished:
    path: Path
    config: TrainConfig
    gpu: bool
    seconds_per_epoch: float


def _finished(outputs: Path) -> Iterator[_Finished]:
    """The finished runs below a folder whose manifest has the time of all their epochs."""
    for folder, below, files in os.walk(outputs):
        if Path(folder).name.startswith("seed="):
            below.clear()
            if "result.json" in files and (run := _measured(RunDirectory(Path(folder)))):
                yield run


def _measured(run: RunDirectory) -> _Finished | None:
    # None for a run that was resumed, whose time covers its last part, or one of another version
    try:
        config = train_config(read_config(run.path))
        manifest = read_json(run.manifest)
        if manifest.get("resumed"):
            return None
        gpu = bool(manifest["hardware"]["gpus"]) and on_gpu(config.trainer, 1)
        return _Finished(run.path, config, gpu, manifest["wall_seconds"] / (config.trainer.max_epochs or 1))
    except (OSError, KeyError, TypeError, UserError):
        return None


def _similar(job: Job, finished: Sequence[_Finished], gpus: int) -> list[_Finished]:
    """Runs of the same model, data, encoders and hardware; if possible, with the same fusion too."""
    traits = _cost_traits(job.config, gpus)
    gpu = on_gpu(job.trainer, gpus)
    similar = [run for run in finished if run.gpu == gpu and _cost_traits(run.config, gpus) == traits]
    same_fusion = [run for run in similar if run.config.fusion == job.config.fusion]
    return same_fusion or similar


def _cost_traits(config: TrainConfig, gpus: int) -> tuple[object, ...]:
    """The properties that the time of an epoch depends on most."""
    data = config.data
    trainer = config.trainer
    encoders = (config.backbone and config.backbone.name, config.audio and config.audio.name)
    limits = (trainer.precision, trainer.limit_train_batches, trainer.overfit_batches, processes_of(trainer, gpus))
    return (data.name, data.image_size, data.batch_size, config.model, *encoders, *limits)


def _amount(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{max(1, round(60 * hours))} minutes"
