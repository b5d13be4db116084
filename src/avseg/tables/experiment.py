"""A published table as a sweep: which runs make its cells, and what the paper printed there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from avseg.config.experiments import experiment_names, experiments_folder
from avseg.tables.sweep_file import Picture, Place, SweepFile, read_published, read_sweep_file
from avseg.utils.errors import UserError, nearest

__all__ = ["Cell", "Experiment", "Picture", "Place", "read_experiment"]


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        row: its row's name.
        column: its column's name.
        words: the overrides that make it what it is; experiment and seed are not among them.
        published: what the paper printed, in per cent, by metric.
    """

    row: str
    column: str
    words: tuple[str, ...]
    published: Mapping[str, float] = field(hash=False)

    @property
    def place(self) -> Place:
        """Row and column."""
        return self.row, self.column


@dataclass(frozen=True)
class Experiment:
    """A published table.

    Attributes:
        name: of its runs' folder under the outputs.
        sweep: what its sweep.yaml says.
        numbers: the paper's, by row, column and metric.
    """

    name: str
    sweep: SweepFile
    numbers: Mapping[tuple[str, str, str], float]

    @property
    def title(self) -> str:
        """What the table shows."""
        return self.sweep.title

    @property
    def metric(self) -> str:
        """The metric of its cells: a key of `scores.own` in result.json."""
        return self.sweep.metric

    def metric_at(self, place: Place) -> str:
        """The metric of a cell."""
        return next((self.sweep.metrics[name] for name in place if name in self.sweep.metrics), self.metric)

    def metrics_at(self, place: Place) -> list[str]:
        """The metric of a cell; in a table of one metric also the others that the paper gives for some cells."""
        more = [] if self.sweep.metrics else [metric for _, _, metric in self.numbers]
        return list(dict.fromkeys([self.metric_at(place), *more]))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of each cell, unless others are asked for."""
        return self.sweep.seeds

    @property
    def rows(self) -> list[str]:
        """The rows' names, from the top."""
        return list(self.sweep.rows)

    @property
    def columns(self) -> list[str]:
        """The columns' names, from the left."""
        return list(self.sweep.columns)

    def cells(self) -> list[Cell]:
        """Every cell, row by row."""
        return [self.cell(row, column) for row in self.rows for column in self.columns]

    def cell(self, row: str, column: str) -> Cell:
        """The cell of a row and a column.

        Raises:
            UserError: there is no such row or column.
        """
        for name, names in ((row, self.rows), (column, self.columns)):
            if name not in names:
                raise UserError(f"{self.name} has no '{name}'; it has {', '.join(names)}{nearest(name, names)}")
        words = (*self.sweep.common, *self.sweep.rows[row], *self.sweep.columns[column])
        printed = {metric: value for (r, c, metric), value in self.numbers.items() if (r, c) == (row, column)}
        return Cell(row, column, words, printed)

    def words(self, cell: Cell, seed: int) -> list[str]:
        """The overrides of the plain command, `avseg train WORD...`, that makes one run of a cell."""
        return [f"experiment={self.name}", *cell.words, f"seed={seed}"]

    def named(self, name: str) -> "Experiment":
        """The same table under another name: its runs lie in another folder."""
        return replace(self, name=name)


def read_experiment(name: str | Path) -> Experiment:
    """Reads an experiment.

    Args:
        name: of a folder in `experiments/`, or the path of such a folder elsewhere (`./mine`, `a/b`).

    Raises:
        UserError: there is no such experiment, or a mistake in its files.
    """
    folder = _folder(str(name))
    sweep = read_sweep_file(folder)
    return Experiment(folder.resolve().name, sweep, read_published(folder, sweep))


def _folder(name: str) -> Path:
    if "/" in name or name in (".", ".."):
        if not (Path(name) / "sweep.yaml").is_file():
            raise UserError(f"{name} holds no sweep.yaml; name a folder that does, or one of {_known()}")
        return Path(name)
    if name not in experiment_names():
        raise UserError(f"experiment '{name}' does not exist; there are {_known()}{nearest(name, experiment_names())}")
    return experiments_folder() / name


def _known() -> str:
    return ", ".join(experiment_names())
