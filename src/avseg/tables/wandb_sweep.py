"""A published table as sweeps for wandb's agents: the same jobs, dealt out by wandb instead of by `avseg reproduce`.

wandb expands a grid, the product of the values of its parameters. A table whose jobs are no product becomes several
grids, as few as are found: a parameter is always a key or group of Hydra, so that wandb can sort and plot by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from avseg.tables.experiment import Experiment

Words = Mapping[str, str]  # overrides by their keys


@dataclass(frozen=True)
class Grid:
    """A product of overrides.

    Attributes:
        common: what all its jobs say.
        choices: the values of each key that varies.
    """

    common: Words
    choices: Mapping[str, tuple[str, ...]]


def sweeps(experiment: Experiment, more: Sequence[str] = ()) -> list[str]:
    """The files for `wandb sweep FILE`, each a grid; together they have each job of the table once.

    Args:
        experiment: the table.
        more: further overrides of every job, such as data.root=... or trainer=ddp; they win.
    """
    extra = dict(_split(word) for word in more)
    cells = [(cell, seed) for cell in experiment.cells() for seed in experiment.seeds]
    jobs = [{**dict(_split(word) for word in experiment.words(cell, seed)), **extra} for cell, seed in cells]
    found = grids(jobs)
    return [_file(experiment, grid, place, len(found)) for place, grid in enumerate(found, start=1)]


def grids(jobs: Sequence[Words]) -> list[Grid]:
    """Splits jobs into products; a job that stands twice counts once."""
    jobs = list({tuple(sorted(job.items())): job for job in jobs}.values())
    keys = list(dict.fromkeys(key for job in jobs for key in job))
    values = {key: tuple(dict.fromkeys(job.get(key) for job in jobs)) for key in keys}
    varying = [key for key in keys if len(values[key]) > 1]
    size = 1
    for key in varying:
        size *= len(values[key])
    if size == len(jobs) and not any(None in values[key] for key in varying):
        choices = {key: tuple(str(value) for value in values[key]) for key in varying}
        return [Grid({key: jobs[0][key] for key in keys if key not in varying}, choices)]
    splits = ([[job for job in jobs if job.get(key) == value] for value in values[key]] for key in varying)
    return min(([grid for part in parts for grid in grids(part)] for parts in splits), key=len)


def _split(word: str) -> tuple[str, str]:
    key, _, value = word.partition("=")
    return key, value


def _file(experiment: Experiment, grid: Grid, place: int, count: int) -> str:
    which = f", grid {place} of {count}" if count > 1 else ""
    head = f"# {experiment.title}{which}\n#   wandb sweep THIS_FILE, then on each set of devices: wandb agent SWEEP\n"
    if any("single_source" in values for values in (*grid.choices.values(), grid.common.values())):
        head += f"# the Single-source runs must be complete: avseg reproduce {experiment.name} makes them first\n"
    command = ["${env}", "${interpreter}", "-m", "avseg", "train", "logger=wandb"]
    content: dict[str, Any] = {
        "name": experiment.name + (f"-{place}" if count > 1 else ""),
        "project": "avseg",
        "program": "avseg",
        "method": "grid",
        "metric": {"name": f"test/{experiment.metric}", "goal": "maximize"},
        "command": [*command, *(f"{key}={value}" for key, value in grid.common.items()), "${args_no_hyphens}"],
        "parameters": {key: {"values": [_plain(value) for value in values]} for key, values in grid.choices.items()},
    }
    return head + yaml.safe_dump(content, sort_keys=False, width=120)


def _plain(value: str) -> int | str:
    """A whole number as one, so that wandb sorts by it; the agent writes both the same."""
    return int(value) if value.isdecimal() and str(int(value)) == value else value
