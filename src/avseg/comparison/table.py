"""The numbers of a comparison: intervals over clips, paired tests between all pairs, J per category."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from operator import attrgetter

import numpy as np

from avseg.comparison.scoring import FALSE_SHARE, SILENT_EMPTY, MethodScores, compared_metrics
from avseg.data.setting import ClipEntry
from avseg.metrics.registry import MetricInfo, metric_info
from avseg.tables.statistics import clip_interval, holm, paired_p

TESTED = ("miou", "fscore", FALSE_SHARE.key)  # each a family of tests of its own
_OWN = {info.key: info for info in (SILENT_EMPTY, FALSE_SHARE)}


@dataclass(frozen=True)
class PairTest:
    """A paired test of two methods over the clips that both have a score of."""

    metric: str
    first: str
    second: str
    difference: float  # mean of the second minus mean of the first, as shown
    clips: int
    p: float  # two-sided, by permutation
    corrected: float  # by Holm over all pairs in this metric


@dataclass(frozen=True)
class ComparisonTable:
    """Everything that the writers need; scores as they are shown (per cent)."""

    data: str  # name of the data set
    split: str
    entries: Sequence[ClipEntry]
    methods: Sequence[MethodScores]
    videos_per_group: int | None
    metrics: tuple[str, ...]
    intervals: dict[tuple[str, str], tuple[float, float]]  # by method and metric
    tests: tuple[PairTest, ...]
    categories: dict[str, tuple[int, dict[str, float]]]  # clips, and J by method

    @property
    def names(self) -> list[str]:
        """Names of the methods."""
        return list(map(attrgetter("name"), self.methods))

    def value(self, method: MethodScores, metric: str) -> float:
        """Return a score as it is shown; NaN where it is not defined."""
        return info(metric).scale * method.scores.get(metric, math.nan)


def info(metric: str) -> MetricInfo:
    """Return the description of a column."""
    return _OWN.get(metric) or metric_info(metric)


def make_table(
    data: str, split: str, entries: Sequence[ClipEntry], methods: Sequence[MethodScores], videos_per_group: int | None
) -> ComparisonTable:
    """Compute intervals, tests and categories."""
    indices = sorted(methods[0].clips)
    metrics = tuple(key for key in compared_metrics() if any(key in method.scores for method in methods))
    intervals = {}
    for method in methods:
        for key in metrics:
            if info(key).mean_over_clips and key in method.clips[indices[0]]:
                scores = np.array(method.column(key, indices)) * info(key).scale
                intervals[method.name, key] = clip_interval(scores[~np.isnan(scores)])
    tests: list[PairTest] = []
    for key in TESTED:
        tests += _tests(key, methods, indices)
    categories = _categories(entries, methods, indices)
    return ComparisonTable(
        data, split, entries, methods, videos_per_group, metrics, intervals, tuple(tests), categories
    )


def _tests(metric: str, methods: Sequence[MethodScores], indices: Sequence[int]) -> list[PairTest]:
    tests = []
    scale = info(metric).scale
    for first, second in combinations(methods, 2):
        a = np.array(first.column(metric, indices)) * scale
        b = np.array(second.column(metric, indices)) * scale
        scored = ~(np.isnan(a) | np.isnan(b))
        difference = float((b - a)[scored].mean()) if scored.any() else math.nan
        p = paired_p(a[scored], b[scored])
        tests.append(PairTest(metric, first.name, second.name, difference, int(scored.sum()), p, math.nan))
    corrected = holm(list(map(attrgetter("p"), tests)))
    return [replace(test, corrected=p) for test, p in zip(tests, corrected, strict=True)]


def _categories(
    entries: Sequence[ClipEntry], methods: Sequence[MethodScores], indices: Sequence[int]
) -> dict[str, tuple[int, dict[str, float]]]:
    """Average J over the clips of each category, largest category first; empty where the data have none."""
    groups: dict[str, list[int]] = {}
    for index in indices:
        if entries[index].category:
            groups.setdefault(entries[index].category, []).append(index)
    table = {}
    for category in sorted(groups, key=lambda name: (-len(groups[name]), name)):
        means = {method.name: 100 * float(np.mean(method.column("miou", groups[category]))) for method in methods}
        table[category] = (len(groups[category]), means)
    return table
