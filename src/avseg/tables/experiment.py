"""A published table as a sweep: the runs that make its cells, and the paper's numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product, starmap
from pathlib import Path

from avseg.config.paths import experiment_folder, experiment_names
from avseg.tables.published_cells import NumberKey, Source, read_published_cells
from avseg.tables.sweep_file import CellKey, SweepFile, read_sweep_file
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    row: str
    column: str
    overrides: tuple[str, ...]  # of its runs, without experiment and seed
    # the paper's numbers in per cent by metric; dicts cannot be hashed
    published: Mapping[str, float] = field(hash=False)

    @property
    def key(self) -> CellKey:
        """Row and column."""
        return self.row, self.column


@dataclass(frozen=True)
class Experiment:
    """A published table."""

    name: str  # folder of its table under the outputs
    sweep: SweepFile
    numbers: Mapping[NumberKey, float]  # published, in per cent
    sources: Mapping[NumberKey, Source]  # of published numbers, where their file names them

    @property
    def runs(self) -> str:
        """Folder of its runs under the outputs: its own, or that of the experiment whose runs it shows."""
        return self.sweep.runs_of or self.name

    def metrics_at(self, key: CellKey) -> list[str]:
        """Return the metric of a cell; in a table of one metric also the others that the paper prints for any cell."""
        metrics = {self.sweep.metric_at(key): None}  # an ordered set
        if not self.sweep.metrics:
            for _, _, metric in self.numbers:
                metrics[metric] = None
        return list(metrics)

    def cells(self) -> list[Cell]:
        """Return every cell, row by row."""
        return list(starmap(self.cell, product(self.sweep.rows, self.sweep.columns)))

    def cell(self, row: str, column: str) -> Cell:
        """Return the cell of a row and a column; unknown ones are a `UserError`."""
        check_choice("row", row, self.sweep.rows, self.name)
        check_choice("column", column, self.sweep.columns, self.name)
        overrides = (*self.sweep.common, *self.sweep.rows[row], *self.sweep.columns[column])
        published = {}
        for (published_row, published_column, metric), value in self.numbers.items():
            if (published_row, published_column) == (row, column):
                published[metric] = value
        return Cell(row, column, overrides, published)

    def overrides(self, cell: Cell, seed: int) -> list[str]:
        """Return the overrides of the command `avseg train OVERRIDES` for one run of a cell."""
        return [f"experiment={self.runs}", *cell.overrides, f"seed={seed}"]


def read_experiment(name: str | Path) -> Experiment:
    """Read the experiment of a folder in `experiments/`, or of such a folder elsewhere (`./mine`, `a/b`).

    An unknown experiment, or a mistake in its files, is a `UserError`.
    """
    folder = _folder(str(name))
    sweep = read_sweep_file(folder)
    published = read_published_cells(folder, sweep)
    return Experiment(folder.resolve().name, sweep, published.numbers, published.sources)


def _folder(name: str) -> Path:
    names = experiment_names()
    # a plain word is a published table even if a folder of that name is in the working directory
    if "/" in name or name in (".", ".."):
        if not (Path(name) / "sweep.yaml").is_file():
            raise UserError(f"{name} holds no sweep.yaml; name a folder that does, or one of {', '.join(names)}")
        return Path(name)
    if name not in names and Path(name).is_dir():
        raise UserError(f"experiment '{name}' is unknown; a folder of yours with a sweep.yaml is written ./{name}")
    check_choice("experiment", name, names)
    return experiment_folder(name)
