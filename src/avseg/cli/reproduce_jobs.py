"""The jobs of a published table; importing this module imports neither torch nor scipy."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path

from avseg.config.paths import experiment_names
from avseg.runs import RunDirectory, run_hash
from avseg.runs.find import complete_run, runs_of
from avseg.sweep import Job, plan
from avseg.tables.experiment import Cell, Experiment, read_experiment
from avseg.utils.errors import UserError

# groups of overrides that never change results
_NO_SCIENCE = ("paths", "logger")


@dataclass(frozen=True)
class Reproduction:
    """One table with its runs."""

    experiment: Experiment
    cells: dict[tuple[Cell, int], Job]  # by cell and seed
    sources: list[Job]  # the runs that some of those need, such as Single-source runs

    @classmethod
    def of(cls, name: str, overrides: Sequence[str], seeds: Sequence[int] | None = None) -> "Reproduction":
        """Compose every job, with the seeds of the sweep.yaml by default; `experiment=NAME` renames the table's runs.

        Overrides that are wrong, or that change results under the table's name, are a `UserError`.
        """
        original = read_experiment(name)
        experiment, extra = _rename(original, overrides)
        seeds = list(seeds or experiment.sweep.seeds)
        commands: dict[tuple[Cell, int], tuple[str, ...]] = {}  # overrides by cell and seed
        # cells that show two scores of one run share its job, which is named after the first
        names: dict[tuple[str, ...], str] = {}
        for seed in seeds:
            for cell in experiment.cells():
                command = (*experiment.overrides(cell, seed), *extra)
                commands[cell, seed] = command
                names.setdefault(command, _job_name(experiment, cell, seed if len(seeds) > 1 else None))
        jobs = plan(list(names), list(names.values()))
        if experiment.name == original.name:
            _refuse_changed_results(experiment, jobs[: len(jobs) // len(seeds)], extra)
        job_of = dict(zip(names, jobs, strict=True))
        cells = {key: job_of[command] for key, command in commands.items()}
        return cls(experiment, cells, _source_jobs(experiment, jobs, extra))

    @property
    def jobs(self) -> list[Job]:
        """All jobs, those that others need first."""
        return [*self.sources, *dict.fromkeys(self.cells.values())]

    @property
    def folder(self) -> Path:
        """Folder of the table's files."""
        job = next(iter(self.cells.values()))
        return Path(job.config.paths.outputs).expanduser() / self.experiment.name / "table"

    def runs_of(self, cell: Cell) -> dict[int, tuple[str, RunDirectory]]:
        """Return name and directory of the run of a cell by seed."""
        runs = {}
        for (job_cell, seed), job in self.cells.items():
            if job_cell.key == cell.key:
                runs[seed] = (job.run_id, job.run)
        return runs


def read_seeds(text: str | None) -> list[int] | None:
    """Parse `--seeds 1,2,3`; None if it was not given, a `UserError` if it is not whole numbers."""
    if text is None:
        return None
    seeds = [seed.strip() for seed in text.split(",") if seed.strip()]
    if not seeds or not all(map(str.isdecimal, seeds)):
        raise UserError(f"--seeds {text}: give whole numbers separated by commas, such as 1,2,3")
    return list(dict.fromkeys(map(int, seeds)))


def _rename(experiment: Experiment, overrides: Sequence[str]) -> tuple[Experiment, list[str]]:
    """Return the table under the name of `experiment=NAME`, and the other overrides."""
    name = experiment.name
    kept = []
    for override in overrides:
        key, _, value = override.partition("=")
        if key == "seed":
            raise UserError(f"{override}: the seeds of a table are given as --seeds {value}")
        if key == "experiment":
            name = value
        else:
            kept.append(override)
    # the last experiment=NAME wins, as in Hydra
    if name != experiment.name and name in experiment_names():
        raise UserError(f"experiment={name} is another table, whose files this one would overwrite; choose a new name")
    if name == experiment.name:
        return experiment, kept
    # its runs may differ from those of another experiment that it shows
    return replace(experiment, name=name, sweep=replace(experiment.sweep, runs_of=None)), kept


def _refuse_changed_results(experiment: Experiment, jobs: Sequence[Job], overrides: Sequence[str]) -> None:
    # the overrides of the command are the last ones of each job
    suspects = [override for override in overrides if override.partition("=")[0].split(".")[0] not in _NO_SCIENCE]
    if not suspects:
        return
    plain_jobs = plan([job.overrides[: -len(overrides)] for job in jobs])
    for plain, job in zip(plain_jobs, jobs, strict=True):
        if run_hash(plain.config) == run_hash(job.config):
            continue
        # composing a job takes a tenth of a second, so single overrides are tried only now
        guilty = [override for override in suspects if plan([[*plain.overrides, override]])[0].run_id != plain.run_id]
        raise UserError(
            f"{' '.join(guilty or suspects)} changes the results of {experiment.name}; "
            "give the changed table a name of its own with experiment=NAME"
        )


def _source_jobs(experiment: Experiment, jobs: Sequence[Job], overrides: Sequence[str]) -> list[Job]:
    # each runs in the experiment where it was started already, or else in this one
    planned = set(map(attrgetter("run_id"), jobs))
    logger = [override for override in overrides if override.startswith("logger")]  # a needed run's command has none
    commands: dict[str, list[str]] = {}  # overrides by run id
    names = []
    for job in jobs:
        outputs = Path(job.config.paths.outputs).expanduser()
        for run_id, command in job.needs.items():
            if run_id in planned or run_id in commands:
                continue
            # a run may be shared by several tables
            existing = complete_run(outputs, run_id) or next(iter(runs_of(outputs, run_id)), None)
            name = existing.path.parents[1].relative_to(outputs).as_posix() if existing else experiment.runs
            commands[run_id] = [f"experiment={name}", *shlex.split(command)[2:], *logger]
            source = "Single-source" if job.config.model.trained else "a branch"
            names.append(f"{source} for {job.name}")
    return plan(list(commands.values()), names)


def _job_name(experiment: Experiment, cell: Cell, seed: int | None) -> str:
    # without a row or column that only shows another score of the same run
    sweep = experiment.sweep
    labels = []
    if sweep.rows[cell.row]:
        labels.append(cell.row)
    if sweep.columns[cell.column]:
        labels.append(cell.column)
    labels = labels or [cell.row, cell.column]
    if seed is not None:
        labels.append(f"seed {seed}")
    return ", ".join(labels)
