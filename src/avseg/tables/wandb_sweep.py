"""A published table as wandb sweeps: the same jobs, distributed by wandb agents instead of `avseg reproduce`.

wandb expands a grid, the product of the values of Hydra keys. A table whose jobs are not a product has several grids.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product

import yaml

from avseg.tables.experiment import Experiment

Overrides = Mapping[str, str]  # values by key


@dataclass(frozen=True)
class Grid:
    """A product of overrides."""

    common: Overrides  # of all its jobs
    choices: Mapping[str, tuple[str, ...]]  # values of each key that varies


def wandb_sweeps(experiment: Experiment, overrides: Sequence[str] = ()) -> list[str]:
    """Return the contents of files for `wandb sweep FILE`, each a grid; together they have each job of the table once.

    The overrides are further ones of every job, such as data.root=... or trainer=ddp; they win.
    """
    jobs = []
    for cell, seed in product(experiment.cells(), experiment.sweep.seeds):
        job = {}
        for override in (*experiment.overrides(cell, seed), *overrides):
            key, _, value = override.partition("=")
            job[key] = value  # the last override of a key wins, as in Hydra
        jobs.append(job)
    grids = find_grids(jobs)
    return [_file(experiment, grid, number, len(grids)) for number, grid in enumerate(grids, start=1)]


def find_grids(jobs: Sequence[Overrides]) -> list[Grid]:
    """Split jobs into grids, choosing the key to split by that leads to the fewest; duplicates count once."""
    distinct: dict[tuple[tuple[str, str], ...], Overrides] = {}
    for job in jobs:
        distinct[tuple(sorted(job.items()))] = job
    jobs = list(distinct.values())
    common: dict[str, str] = {}
    choices: dict[str, tuple[str | None, ...]] = {}
    for key in dict.fromkeys(chain.from_iterable(jobs)):
        values = tuple(dict.fromkeys(job.get(key) for job in jobs))
        if len(values) > 1:
            choices[key] = values
        else:
            common[key] = jobs[0][key]
    # a key that some jobs lack cannot be a parameter of all
    complete = not any(None in values for values in choices.values())
    if complete and math.prod(map(len, choices.values())) == len(jobs):
        return [Grid(common, {key: tuple(map(str, values)) for key, values in choices.items()})]
    # few keys vary, so trying each is cheap
    candidates = []
    for key, values in choices.items():
        grids: list[Grid] = []
        for value in values:
            grids += find_grids([job for job in jobs if job.get(key) == value])
        candidates.append(grids)
    return min(candidates, key=len)


def _file(experiment: Experiment, grid: Grid, number: int, count: int) -> str:
    title = experiment.sweep.title + (f", grid {number} of {count}" if count > 1 else "")
    head = f"# {title}\n#   wandb sweep THIS_FILE, then on each set of devices: wandb agent SWEEP\n"
    if "single_source" in (grid.common.get("init"), *grid.choices.get("init", ())):
        head += f"# the Single-source runs must be complete: avseg reproduce {experiment.name} makes them first\n"
    # macros that the agent expands; Hydra wants key=value without hyphens
    command = ["${env}", "${interpreter}", "-m", "avseg", "train", "logger=wandb"]
    for key, value in grid.common.items():
        command.append(f"{key}={value}")
    parameters = {}
    for key, choices in grid.choices.items():
        parameters[key] = {"values": list(map(_number_or_text, choices))}
    content = {
        "name": experiment.name + (f"-{number}" if count > 1 else ""),
        "project": "avseg",
        "program": "avseg",
        "method": "grid",
        "metric": {"name": f"test/{experiment.sweep.metric}", "goal": "maximize"},
        "command": [*command, "${args_no_hyphens}"],
        "parameters": parameters,
    }
    return head + yaml.safe_dump(content, sort_keys=False, width=120)


def _number_or_text(value: str) -> int | str:
    """Convert whole numbers, so that wandb sorts them as numbers; the agent writes both the same way."""
    return int(value) if value.isdecimal() and str(int(value)) == value else value
