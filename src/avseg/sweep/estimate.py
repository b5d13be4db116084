"""How long will it take? As long per epoch as finished runs of the same kind took."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from avseg.runs import RunDirectory, read_json
from avseg.sweep.devices import Pool, on_gpu, processes_of
from avseg.sweep.jobs import Job, make_pool
from avseg.utils.errors import UserError


@dataclass(frozen=True)
class Estimate:
    """What is known beforehand about the duration of some jobs.

    Attributes:
        hours: the sum over the jobs with an estimate (h).
        wall_hours: the same with as many at once as the devices allow (h).
        known: how many jobs have an estimate.
        unknown: how many have none, since no run of their kind has finished.
        runs: how many finished runs it rests on.
    """

    hours: float
    wall_hours: float
    known: int
    unknown: int
    runs: int

    def __str__(self) -> str:
        if not self.known:
            return "no estimate: no run of this kind has finished" if self.unknown else "nothing to do"
        text = f"about {_amount(self.wall_hours)} ({_amount(self.hours)} of jobs), from {self.runs} finished runs"
        return text + (f"; no estimate for {self.unknown} more jobs" if self.unknown else "")


def estimate(jobs: Sequence[Job], outputs: Path | None = None, pool: Pool | None = None) -> Estimate:
    """Estimates the time of those jobs that are not complete.

    Args:
        jobs: from `plan`.
        outputs: below it are the finished runs, of any experiment; default: the jobs' own.
        pool: the devices; default: those found.
    """
    todo = [job for job in jobs if not job.run.complete]
    pool = pool or make_pool(todo)
    folders = {Path(job.config["paths"]["outputs"]).expanduser() for job in todo} if outputs is None else {outputs}
    finished = [run for folder in sorted(folders) for run in _finished(folder)] if todo else []
    hours, wall_hours, used = [], 0.0, set[Path]()
    for job in todo:
        if alike := _alike(job, finished, len(pool.devices)):
            hours.append(median(run.seconds_per_epoch for run in alike) * job.trainer["max_epochs"] / 3600)
            wall_hours += hours[-1] / min(_at_once(job, pool), len(todo))
            used.update(run.path for run in alike)
    return Estimate(sum(hours), wall_hours, len(hours), len(todo) - len(hours), len(used))


def _at_once(job: Job, pool: Pool) -> int:
    """One, for a job that is planned here and will run on another machine."""
    try:
        return pool.at_once(job.trainer)
    except UserError:
        return 1


@dataclass(frozen=True)
class _Finished:
    path: Path
    config: dict[str, Any]
    gpu: bool
    seconds_per_epoch: float


def _finished(outputs: Path) -> Iterator[_Finished]:
    """The finished runs below a folder whose manifest tells the time of all their epochs."""
    for folder, below, files in os.walk(outputs):
        if Path(folder).name.startswith("seed="):
            below.clear()
            if "result.json" in files and (run := _measured(RunDirectory(Path(folder)))):
                yield run


def _measured(run: RunDirectory) -> _Finished | None:
    """None for a run that was resumed, or one of another version, which tells nothing."""
    try:
        config: Any = OmegaConf.to_container(OmegaConf.load(run.config))
        manifest = read_json(run.manifest)
        if manifest.get("resumed"):
            return None
        gpu = bool(manifest["hardware"]["gpus"]) and on_gpu(config["trainer"], 1)
        return _Finished(run.path, config, gpu, manifest["wall_seconds"] / config["trainer"]["max_epochs"])
    except (OSError, KeyError, TypeError, UserError, yaml.YAMLError, OmegaConfBaseException):
        return None


def _alike(job: Job, finished: Sequence[_Finished], gpus: int) -> list[_Finished]:
    """Runs of the same data, encoders and hardware; if there are, only those with the same fusion too."""
    wanted = (_kind(job.config, gpus), on_gpu(job.trainer, gpus))
    alike = [run for run in finished if (_kind(run.config, gpus), run.gpu) == wanted]
    same_fusion = [run for run in alike if run.config["fusion"]["stages"] == job.config["fusion"]["stages"]]
    return same_fusion or alike


def _kind(config: dict[str, Any], gpus: int) -> tuple[Any, ...]:
    """What the time of an epoch depends on most."""
    data, trainer = config["data"], config["trainer"]
    return (
        *(data[key] for key in ("name", "image_size", "batch_size")),
        *(config["backbone"]["name"], config["audio"]["name"], config["task"]["channels"]),
        *(trainer.get(key) for key in ("precision", "limit_train_batches", "overfit_batches")),
        processes_of(trainer, gpus),
    )


def _amount(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{max(1, round(60 * hours))} minutes"
