"""The jobs of a published table, and the table of what they reached."""

import math
import shlex
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avseg.config.branch import COMPOSED
from avseg.config.experiments import experiment_names
from avseg.runs import RunDirectory, run_hash
from avseg.runs.find import complete_run, runs_of
from avseg.sweep import Job, plan
from avseg.tables.experiment import Cell, Experiment, read_experiment
from avseg.tables.files import write_table
from avseg.tables.plot import save_plot
from avseg.tables.scores import read_scores
from avseg.tables.table import Result, Table, compare
from avseg.utils.errors import UserError

# where and how, never what: spared the look at what they change
_NO_SCIENCE = ("paths", "logger")
# what a needed run is called
_SOURCE = defaultdict(lambda: "Single-source", dict.fromkeys(COMPOSED, "a branch"))


@dataclass(frozen=True)
class Reproduction:
    """One table with its runs.

    Attributes:
        experiment: the table.
        cells: for each cell and seed its job.
        sources: the Single-source runs that some of those begin from; they come first.
    """

    experiment: Experiment
    cells: dict[tuple[Cell, int], Job]
    sources: list[Job]

    @classmethod
    def of(cls, name: str, overrides: Sequence[str], seeds: Sequence[int] | None = None) -> "Reproduction":
        """Composes every job.

        Args:
            name: of the experiment, or the path of its folder.
            overrides: for all jobs; `experiment=NAME` gives the table's runs another name.
            seeds: of each cell; None: those that its sweep.yaml names.

        Raises:
            UserError: a mistake in a name or an override, or one that changes the results under the table's own name.
        """
        experiment, words, renamed = _named(read_experiment(name), overrides)
        chosen = list(seeds or experiment.seeds)
        keys = [(cell, seed) for seed in chosen for cell in experiment.cells()]
        names = [_name(experiment, cell, seed if len(chosen) > 1 else None) for cell, seed in keys]
        commands = [(*experiment.words(cell, seed), *words) for cell, seed in keys]
        first = {command: name for name, command in reversed(list(zip(names, commands, strict=True)))}
        order = list(dict.fromkeys(commands))  # cells that show two scores of one run share its job
        jobs = plan(order, [first[command] for command in order])
        by_command = dict(zip(order, jobs, strict=True))
        if not renamed:
            _refuse_other_science(experiment, jobs[: len(jobs) // len(chosen)], words)
        cells = {key: by_command[command] for key, command in zip(keys, commands, strict=True)}
        return cls(experiment, cells, _sources(experiment, jobs, words))

    @property
    def jobs(self) -> list[Job]:
        """All of them, those that others need first."""
        return [*self.sources, *dict.fromkeys(self.cells.values())]

    @property
    def incomplete(self) -> bool:
        """Whether a cell lacks a seed."""
        return not all(job.run.complete for job in self.cells.values())

    @property
    def folder(self) -> Path:
        """Where the table is written."""
        outputs = Path(next(iter(self.cells.values())).config["paths"]["outputs"]).expanduser()
        return outputs / self.experiment.name / "table"

    def table(self) -> Table:
        """Ours beside the paper's, of the runs that are complete now.

        Raises:
            UserError: a run's files do not belong together.
        """
        experiment = self.experiment
        scores = {
            (cell.place, metric): read_scores(self._runs(cell), metric)
            for cell in experiment.cells()
            for metric in experiment.metrics_at(cell.place)
        }
        results = [
            Result.of(place, metric, experiment.numbers.get((*place, metric), math.nan), found)
            for (place, metric), found in scores.items()
        ]
        own = {place: found for (place, metric), found in scores.items() if metric == experiment.metric_at(place)}
        return Table(
            experiment.title,
            experiment.sweep.note,
            experiment.metric,
            experiment.rows,
            experiment.columns,
            results,
            compare(experiment.sweep.pairs, own),
            experiment.sweep.metrics,
        )

    def write(self, table: Table) -> list[Path]:
        """Writes the table's files; returns those that are meant to be looked at."""
        write_table(self.folder, table)
        picture = self.folder / f"{self.experiment.sweep.picture.name}.png"
        save_plot(picture, table, self.experiment.sweep.picture)
        return [self.folder / "table.md", self.folder / "table.tex", self.folder / "results.csv", picture]

    def _runs(self, cell: Cell) -> dict[int, tuple[str, RunDirectory]]:
        return {seed: (job.run_id, job.run) for (other, seed), job in self.cells.items() if other.place == cell.place}


def read_seeds(text: str | None) -> list[int] | None:
    """Parse `--seeds 1,2,3`; None if it was not given.

    Raises:
        UserError: not whole numbers.
    """
    if text is None:
        return None
    seeds = [seed.strip() for seed in text.split(",") if seed.strip()]
    if not seeds or not all(seed.isdecimal() for seed in seeds):
        raise UserError(f"--seeds {text}: give whole numbers separated by commas, such as 1,2,3")
    return list(dict.fromkeys(map(int, seeds)))


def _named(experiment: Experiment, overrides: Sequence[str]) -> tuple[Experiment, list[str], bool]:
    """The table under the name that it is to have, and the other words."""
    words = [word for word in overrides if word.partition("=")[0] != "experiment"]
    names = [word.partition("=")[2] for word in overrides if word.partition("=")[0] == "experiment"]
    for word in words:
        if word.partition("=")[0] == "seed":
            raise UserError(f"{word}: the seeds of a table are given as --seeds {word.partition('=')[2]}")
    if names and names[-1] != experiment.name:
        if names[-1] in experiment_names():
            raise UserError(
                f"experiment={names[-1]} is another table, whose files this one would overwrite; choose a new name"
            )
        return experiment.named(names[-1]), words, True
    return experiment, words, False


def _refuse_other_science(experiment: Experiment, jobs: Sequence[Job], words: Sequence[str]) -> None:
    """A table under its own name has its own results; `words` stand last in the words of each job."""
    suspects = [word for word in words if word.partition("=")[0].partition(".")[0] not in _NO_SCIENCE]
    if not suspects:
        return
    for own, job in zip(plan([job.words[: -len(words)] for job in jobs]), jobs, strict=True):
        if run_hash(own.config) == run_hash(job.config):
            continue
        alone = [plan([[*own.words, word]])[0] for word in suspects]
        guilty = [word for word, other in zip(suspects, alone, strict=True) if other.run_id != own.run_id]
        raise UserError(
            f"{' '.join(guilty or suspects)} changes the results of {experiment.name}; "
            "give the changed table a name of its own with experiment=NAME"
        )


def _sources(experiment: Experiment, jobs: Sequence[Job], words: Sequence[str]) -> list[Job]:
    """The Single-source runs, each where it has been begun already, in whatever experiment, or else in this one."""
    here = {job.run_id for job in jobs}
    needed = {name: (job, command) for job in jobs for name, command in job.needs.items() if name not in here}
    logger = [word for word in words if word.startswith("logger")]  # the command of a source names none
    commands = []
    for name, (job, command) in needed.items():
        outputs = Path(job.config["paths"]["outputs"]).expanduser()
        found = complete_run(outputs, name) or next(iter(runs_of(outputs, name)), None)
        where = found.path.parents[1].relative_to(outputs).as_posix() if found else experiment.name
        commands.append([f"experiment={where}", *shlex.split(command)[2:], *logger])
    return plan(commands, [f"{_SOURCE[job.config['branch']['name']]} for {job.name}" for job, _ in needed.values()])


def _name(experiment: Experiment, cell: Cell, seed: int | None) -> str:
    """A row or column that only shows another score of the same run does not name it."""
    sweep = experiment.sweep
    parts = [name for name, words in ((cell.row, sweep.rows), (cell.column, sweep.columns)) if words[name]]
    return ", ".join((parts or [cell.row, cell.column]) + ([] if seed is None else [f"seed {seed}"]))
