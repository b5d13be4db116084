"""The jobs of a sweep, all composed and checked before the first one starts."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from avseg.config.schema import validate
from avseg.runs import RunDirectory, run_id
from avseg.runs.configure import training_config
from avseg.sweep.devices import Pool, found_devices, on_gpu, processes_of
from avseg.utils.errors import UserError

log = logging.getLogger("avseg")

# composing so many takes seconds
_MANY = 10


@dataclass(frozen=True, eq=False)
class Job:
    """One training run of a sweep.

    Attributes:
        words: the overrides of its plain command.
        config: what they compose to.
        name: what tells it from the others.
    """

    words: tuple[str, ...]
    config: dict[str, Any]
    name: str

    @cached_property
    def run(self) -> RunDirectory:
        """Where it writes."""
        return RunDirectory.of(self.config)

    @cached_property
    def run_id(self) -> str:
        """Its name everywhere."""
        return run_id(self.config)

    @property
    def trainer(self) -> dict[str, Any]:
        """The configuration of its trainer."""
        trainer: dict[str, Any] = self.config["trainer"]
        return trainer

    @property
    def processes(self) -> int:
        """How many processes it trains in."""
        asked = self.trainer.get("devices", "auto")
        if str(asked).isdigit() or not on_gpu(self.trainer, 1):
            return processes_of(self.trainer, 0)
        return processes_of(self.trainer, len(found_devices()))

    @property
    def needs(self) -> dict[str, str]:
        """The runs that must be complete first, by id the command that makes each.

        The Single-source run that it begins from; or the branches that a strong baseline is of.
        """
        init, branch = self.config["init"], self.config["branch"]
        pairs = [(init["run"], init["command"])]
        pairs += [(branch[f"{part}_run"], branch[f"{part}_command"]) for part in ("visual", "audio")]
        return {run: command for run, command in pairs if run}

    @property
    def command(self) -> list[str]:
        """The plain command, in this interpreter."""
        return [sys.executable, "-m", "avseg", "train", *self.words]


def plan(commands: Sequence[Sequence[str]], names: Sequence[str] | None = None) -> list[Job]:
    """Composes the jobs of a sweep.

    Args:
        commands: the overrides of each.
        names: what to call each; default: the words by which it differs from the others.

    Raises:
        UserError: a mistake in any of them, or two that are the same run.
    """
    names = _differences(commands) if names is None else names
    if len(commands) >= _MANY:
        log.info("checking the configurations of %d jobs", len(commands))
    jobs = []
    for words, name in zip(commands, names, strict=True):
        config = training_config(list(words))
        validate(config)
        jobs.append(Job(tuple(words), config, name or run_id(config)))
    first: dict[str, Job] = {}
    for job in jobs:
        other = first.setdefault(str(job.run.path), job)
        if other is not job and other.words == job.words:
            raise UserError(f"the job '{' '.join(job.words)}' stands twice; leave one out")
        if other is not job:
            raise UserError(
                f"the jobs '{other.name}' and '{job.name}' are the same run ({job.run_id}): "
                "what they differ in does not change the result; leave one out"
            )
    return jobs


def make_pool(jobs: Sequence[Job], jobs_at_once: int | None = None, devices: Sequence[str] | int | None = None) -> Pool:
    """The devices of this machine for some jobs.

    Args:
        jobs: when none of them takes a GPU, none is looked for.
        jobs_at_once: see `Pool`.
        devices: names of GPUs, or how many of the first ones; None: those found.
    """
    if devices is None:
        devices = found_devices() if any(on_gpu(job.trainer, 1) for job in jobs) else ()
    if isinstance(devices, str):  # as CUDA_VISIBLE_DEVICES is written
        devices = devices.split(",")
    names = [str(index) for index in range(devices)] if isinstance(devices, int) else [str(name) for name in devices]
    if len(set(names)) != len(names):
        raise UserError(f"hydra.launcher.devices={devices} names a GPU twice; two jobs never share one")
    return Pool(names, jobs_at_once)


def refuse_too_large(jobs: Sequence[Job], pool: Pool) -> None:
    """Checks that each job can run on these devices.

    Raises:
        UserError: one needs more GPUs than there are.
    """
    for job in jobs:
        pool.at_once(job.trainer)


def _differences(commands: Sequence[Sequence[str]]) -> list[str]:
    """The words of each that not all have."""
    if len(commands) < 2:
        return ["" for _ in commands]
    common = set(commands[0]).intersection(*commands[1:])
    return [" ".join(word for word in words if word not in common) for words in commands]
