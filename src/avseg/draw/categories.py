"""Bars of a data set's categories with their counts, like Figure A1 of the AVS paper's supplementary."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from avseg.data.check.statistics import Statistics
from avseg.draw.palette import OKABE_ITO

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"train": "blue", "val": "orange", "test": "green"}
_ROWS = 36  # bars below each other; more are continued in a further column


def split_colour(name: str) -> tuple[float, float, float]:
    """Return the colour of a split for matplotlib."""
    red, green, blue = OKABE_ITO[COLOURS[name]]
    return red / 255, green / 255, blue / 255


def category_counts(statistics: Statistics) -> list[tuple[str, int]]:
    """Return the categories with their counts over all splits, the most frequent first."""
    counts: Counter[str] = Counter()
    for split in statistics.splits.values():
        counts.update(split.categories)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def draw_category_bars(axis: "Axes", statistics: Statistics, names: Sequence[str]) -> np.ndarray:
    """Draw a bar per category, divided by split, the first on top; return the totals."""
    rows = np.arange(len(names))[::-1]
    left = np.zeros(len(names))
    for split_name, split in statistics.splits.items():
        counts = np.array([split.categories.get(name, 0) for name in names], float)
        axis.barh(rows, counts, left=left, color=split_colour(split_name), height=0.72, label=split_name)
        left += counts
    axis.set_yticks(rows, names, fontsize=8)
    for label in axis.get_yticklabels():
        label.set_parse_math(False)
    axis.set_ylim(-0.6, len(names) - 0.4)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    axis.tick_params(labelsize=8)
    return left


def draw_categories(statistics: Statistics, title: str = "") -> "Figure":
    """Draw all categories of a set, with the count behind each bar."""
    from matplotlib.figure import Figure

    counts = category_counts(statistics)
    columns = -(-len(counts) // _ROWS)
    per_column = -(-len(counts) // columns)
    figure = Figure(figsize=(1.2 + 6.0 * columns, 1.3 + 0.215 * per_column), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False, sharex=True)[0]
    largest = counts[0][1]
    for column, axis in enumerate(axes):
        part = counts[column * per_column : (column + 1) * per_column]
        totals = draw_category_bars(axis, statistics, [name for name, _ in part])
        for row, total in zip(range(len(part) - 1, -1, -1), totals, strict=True):
            axis.text(total + 0.01 * largest, row, f"{int(total):,}", va="center", fontsize=8)
        axis.set_ylim(part and len(part) - per_column - 0.6, len(part) - 0.4)  # bars of equal height in all columns
        axis.set_xlim(0, largest * 1.1)
    axes[-1].legend(frameon=False, fontsize=8, loc="lower right")
    noun = "audible segments" if statistics.setting == "lu_avs" else "clips"
    total = sum(split.clips for split in statistics.splits.values())
    unit = "videos" if statistics.setting == "lu_avs" else "clips"
    head = f"{statistics.setting} {title}".strip()
    figure.suptitle(f"{head}: {noun} by category, {len(counts)} categories, {total:,} {unit}", fontsize=10)
    return figure
