"""The yaml of a wandb sweep, expanded as wandb expands it, gives exactly the jobs of the experiment."""

from itertools import product

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from avseg.runs import RunDirectory, run_id
from avseg.runs.configure import training_config
from avseg.tables.experiment import read_experiment
from avseg.tables.wandb_sweep import find_grids, wandb_sweeps


def expand(content: str) -> list[list[str]]:
    """The overrides of each job of a sweep: the grid by itertools, the arguments by a function of wandb."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args  # seconds, which collecting need not take

    sweep = yaml.safe_load(content)
    assert sweep["method"] == "grid"
    command = sweep["command"]
    assert command[:5] == ["${env}", "${interpreter}", "-m", "avseg", "train"]
    assert command[-1] == "${args_no_hyphens}"
    parameters = {name: values["values"] for name, values in sweep["parameters"].items()}
    jobs = []
    for values in product(*parameters.values()):
        chosen = {name: {"value": value} for name, value in zip(parameters, values, strict=True)}
        jobs.append([*command[5:-1], *create_sweep_command_args({"args": chosen})["args_no_hyphens"]])
    return jobs


def plain(name: str) -> list[list[str]]:
    experiment = read_experiment(name)
    return [experiment.overrides(cell, seed) for cell in experiment.cells() for seed in experiment.sweep.seeds]


@pytest.mark.parametrize(
    ("name", "files", "count"),
    [("table_a1", 1, 28), ("table_a2", 1, 8), ("toy_table_a1", 1, 28), ("toy_table_a2", 2, 8)],
)
def test_the_same_overrides(name: str, files: int, count: int) -> None:
    contents = wandb_sweeps(read_experiment(name))
    jobs = [job for content in contents for job in expand(content)]
    assert (len(contents), len(jobs)) == (files, count)
    assert sorted(sorted(job) for job in jobs) == sorted(
        sorted([*overrides, "logger=wandb"]) for overrides in plain(name)
    )


@pytest.mark.slow
def test_the_same_runs() -> None:
    """In the toy A2 the pretrained cells have an additional override, so that it is not a product."""

    def run_of(overrides: list[str]) -> tuple[str, RunDirectory]:
        config = training_config(overrides)
        return run_id(config), RunDirectory.of(config)

    jobs = [job for content in wandb_sweeps(read_experiment("toy_table_a2")) for job in expand(content)]
    assert sorted(map(run_of, jobs), key=str) == sorted(map(run_of, plain("toy_table_a2")), key=str)


def test_further_overrides_win() -> None:
    (content,) = wandb_sweeps(read_experiment("table_a1"), ["data.root=/data", "init=checkpoint"])
    jobs = expand(content)
    assert all("data.root=/data" in job and "init=checkpoint" in job and "init=scratch" not in job for job in jobs)


def test_the_single_source_runs_are_mentioned() -> None:
    assert not any("reproduce" in content for content in wandb_sweeps(read_experiment("table_a1")))
    assert "avseg reproduce table_a2" in wandb_sweeps(read_experiment("table_a2"))[0]


JOBS = st.lists(st.dictionaries(st.sampled_from("abcd"), st.sampled_from("123"), max_size=4), min_size=1, max_size=12)


@given(JOBS)
def test_grids_cover_any_jobs_exactly(jobs: list[dict[str, str]]) -> None:
    expanded = []
    for grid in find_grids(jobs):
        for values in product(*grid.choices.values()):
            expanded.append({**grid.common, **dict(zip(grid.choices, values, strict=True))})
    unique = {tuple(sorted(job.items())) for job in jobs}
    assert sorted(tuple(sorted(job.items())) for job in expanded) == sorted(unique)


@given(st.dictionaries(st.sampled_from("abcd"), st.sets(st.sampled_from("123"), min_size=1), min_size=1))
def test_a_product_is_one_grid(values: dict[str, set[str]]) -> None:
    jobs = [dict(zip(values, choice, strict=True)) for choice in product(*values.values())]
    assert len(find_grids(jobs)) == 1
