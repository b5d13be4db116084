"""A reproduced table: ours beside the paper's, with intervals and paired tests. Pure numbers, no files."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from avseg.tables.scores import Scores
from avseg.tables.statistics import SIGNIFICANT, clip_interval, holm, mean_and_sd, paired_p
from avseg.tables.sweep_file import Place


@dataclass(frozen=True)
class Result:
    """One cell in one metric, in per cent; what is not known is NaN.

    Attributes:
        place: row and column.
        metric: such as "miou".
        published: the paper's number.
        scores: ours, or None while no run is complete.
        mean: over the seeds.
        sd: over the seeds.
        low: lower end of the interval over clips.
        high: upper end.
    """

    place: Place
    metric: str
    published: float = math.nan
    scores: Scores | None = None
    mean: float = math.nan
    sd: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @classmethod
    def of(cls, place: Place, metric: str, published: float, scores: Scores | None) -> "Result":
        """Sums up the scores of a cell."""
        if scores is None:
            return cls(place, metric, published)
        mean, sd = mean_and_sd(list(scores.values.values()))
        low, high = clip_interval(list(scores.clips.values()))
        return cls(place, metric, published, scores, mean, sd, low, high)

    @property
    def difference(self) -> float:
        """Ours minus the paper's."""
        return self.mean - self.published


@dataclass(frozen=True)
class Comparison:
    """A paired test between two cells over the same clips.

    Attributes:
        kind: "columns" (two cells of a row) or "rows" (two cells of a column).
        first: row and column.
        second: row and column.
        difference: mean of the second minus mean of the first.
        clips: how many clips were paired.
        p: two-sided, by permutation.
        corrected: p after Holm's correction over all comparisons of the table.
    """

    kind: str
    first: Place
    second: Place
    difference: float
    clips: int
    p: float
    corrected: float

    @property
    def significant(self) -> bool:
        """Whether the difference stands after correction."""
        return self.corrected < SIGNIFICANT


@dataclass(frozen=True)
class Table:
    """A table with all that its writers need.

    Attributes:
        title: what it shows.
        note: what a reader must know.
        metric: of the cells.
        rows: names.
        columns: names.
        results: of the cells in the table's metric first, then in others.
        comparisons: one family of paired tests.
        metrics: the metric of those rows or columns that show another one, by name.
    """

    title: str
    note: str
    metric: str
    rows: list[str]
    columns: list[str]
    results: list[Result]
    comparisons: list[Comparison]
    metrics: Mapping[str, str] = field(default_factory=dict)

    def metric_at(self, place: Place) -> str:
        """The metric of a cell."""
        return next((self.metrics[name] for name in place if name in self.metrics), self.metric)

    def result(self, row: str, column: str) -> Result:
        """The cell in its own metric."""
        place = (row, column)
        return next(item for item in self.results if item.place == place and item.metric == self.metric_at(place))

    @property
    def shown(self) -> list[Result]:
        """The cells, each in its own metric."""
        return [self.result(row, column) for row in self.rows for column in self.columns]

    def marks(self, place: Place) -> set[str]:
        """The kinds of comparison in which this cell, as the second of two, differs significantly."""
        return {item.kind for item in self.comparisons if item.second == place and item.significant}

    @property
    def missing(self) -> list[Place]:
        """The cells without a complete run."""
        return [item.place for item in self.shown if item.scores is None]


def compare(
    pairs: Mapping[str, Iterable[tuple[Place, Place]]], scores: Mapping[Place, Scores | None]
) -> list[Comparison]:
    """Tests each pair of cells whose runs are there, paired by video_id, with Holm's correction over all of them.

    Args:
        pairs: "columns" and "rows", each pairs of cells.
        scores: of each cell; cells tested on different clips are not compared.
    """
    tested: list[tuple[str, Place, Place, list[float], list[float]]] = []
    for kind, places in pairs.items():
        for first, second in places:
            a, b = scores.get(first), scores.get(second)
            if a and b and a.clips and a.clips.keys() == b.clips.keys():
                tested.append((kind, first, second, list(a.clips.values()), [b.clips[name] for name in a.clips]))
    ps = [paired_p(a, b) for _, _, _, a, b in tested]
    return [
        Comparison(kind, first, second, sum(b) / len(b) - sum(a) / len(a), len(a), p, corrected)
        for (kind, first, second, a, b), p, corrected in zip(tested, ps, holm(ps), strict=True)
    ]
