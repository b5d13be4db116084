"""A reproduced table: our numbers next to the paper's, with intervals and paired tests. Plain numbers, no files."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product, starmap
from operator import attrgetter

from avseg.tables.published_cells import NumberKey, Source
from avseg.tables.scores import Scores
from avseg.tables.statistics import SIGNIFICANT, clip_interval, holm, mean_and_sd, paired_p
from avseg.tables.sweep_file import CellKey, Pair, SweepFile


@dataclass(frozen=True)
class Result:
    """One cell in one metric, in per cent; unknown numbers are NaN."""

    key: CellKey
    metric: str
    published: float = math.nan
    scores: Scores | None = None  # None if no run is complete
    mean: float = math.nan
    sd: float = math.nan  # over the seeds
    low: float = math.nan  # ends of the interval over clips
    high: float = math.nan

    @classmethod
    def of(cls, key: CellKey, metric: str, published: float, scores: Scores | None) -> "Result":
        """Summarise the scores of a cell."""
        if scores is None:
            return cls(key, metric, published)
        mean, sd = mean_and_sd(list(scores.values.values()))
        # NaN for metrics that are not means over clips
        low, high = clip_interval(list(scores.clips.values()))
        return cls(key, metric, published, scores, mean, sd, low, high)

    @property
    def difference(self) -> float:
        """Ours minus the paper's."""
        return self.mean - self.published


@dataclass(frozen=True)
class Comparison:
    """A paired test between two cells over the same clips."""

    axis: str  # "columns" (two cells of a row) or "rows" (two cells of a column)
    first: CellKey
    second: CellKey
    difference: float  # mean of the second minus mean of the first
    clips: int  # number of paired clips
    p: float  # two-sided, by permutation
    corrected: float  # p after Holm's correction over all comparisons of the table


@dataclass(frozen=True)
class Table:
    """A table with everything that its writers need."""

    sweep: SweepFile
    results: list[Result]  # of the cells in their own metric first, then in others
    comparisons: list[Comparison]  # one family of paired tests
    sources: Mapping[NumberKey, Source] = field(default_factory=dict)  # of published numbers

    def result(self, row: str, column: str) -> Result:
        """Return the cell in its own metric."""
        return self._cells[row, column]

    @cached_property
    def _cells(self) -> dict[CellKey, Result]:
        return {result.key: result for result in self.results if result.metric == self.sweep.metric_at(result.key)}

    @property
    def cells(self) -> list[Result]:
        """Every cell in its own metric, row by row."""
        return list(starmap(self.result, product(self.sweep.rows, self.sweep.columns)))

    def significant_axes(self, key: CellKey) -> list[str]:
        """Return the axes along which this cell, as the second of two, differs significantly."""
        axes = []
        for item in self.comparisons:
            if item.second == key and item.corrected < SIGNIFICANT and item.axis not in axes:
                axes.append(item.axis)
        return axes

    @property
    def has_intervals(self) -> bool:
        """True if any cell has an interval over clips."""
        return any(not math.isnan(result.low) for result in self.cells)


def compare(pairs: Mapping[str, Sequence[Pair]], scores: Mapping[CellKey, Scores | None]) -> list[Comparison]:
    """Test pairs of cells with Holm's correction over all of them.

    Clips are paired by video_id. Cells without complete runs, or tested on different clips, are not compared.
    """
    comparisons = []
    for axis, cells in pairs.items():
        for first, second in cells:
            first_scores = scores.get(first)
            second_scores = scores.get(second)
            if not first_scores or not second_scores or not first_scores.clips:
                continue
            # paired tests need the same clips
            if first_scores.clips.keys() != second_scores.clips.keys():
                continue
            a = list(first_scores.clips.values())
            b = list(map(second_scores.clips.__getitem__, first_scores.clips))  # in the order of the first
            difference = sum(b) / len(b) - sum(a) / len(a)
            # corrected below, when the whole family is known
            comparisons.append(Comparison(axis, first, second, difference, len(a), paired_p(a, b), math.nan))
    corrected = holm(list(map(attrgetter("p"), comparisons)))
    return [replace(item, corrected=p) for item, p in zip(comparisons, corrected, strict=True)]
