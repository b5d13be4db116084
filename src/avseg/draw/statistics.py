"""Statistics of a data set in four plots: counts, mask sizes, durations, and categories."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avseg.data.check.statistics import Statistics
from avseg.draw.categories import category_counts, draw_category_bars, split_colour
from avseg.draw.strips import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = {"train": "o", "val": "s", "test": "^"}
_MAX_CATEGORIES = 30


def save_statistics(path: Path, statistics: Statistics, *, title: str = "") -> None:
    """Write the statistics of a data set as a PNG; a missing folder is created."""
    save_figure(draw_statistics(statistics, title), path, dpi=110)


def draw_statistics(statistics: Statistics, title: str = "") -> "Figure":
    """Draw counts, mask sizes and durations on the left, categories, if there are any, on the right."""
    from matplotlib.figure import Figure

    categories = _frequent_categories(statistics)
    height = max(6.6, 0.21 * len(categories) + 1.2)  # inches
    figure = Figure(figsize=(11.5 if categories else 6.5, height), layout="constrained")
    figure.suptitle(f"{statistics.setting}  {title}".strip(), fontsize=12, x=0.01, ha="left")
    grid = figure.add_gridspec(3, 2 if categories else 1, width_ratios=[1, 1] if categories else None)
    long = statistics.setting == "lu_avs"
    _draw_counts(figure.add_subplot(grid[0, 0]), statistics, long)
    _draw_mask_sizes(figure.add_subplot(grid[1, 0]), statistics)
    (_draw_segments if long else _draw_seconds)(figure.add_subplot(grid[2, 0]), statistics)
    if categories:
        _draw_categories(figure.add_subplot(grid[:, 1]), statistics, categories, long)
    return figure


def _draw_counts(axis: "Axes", statistics: Statistics, long: bool) -> None:
    """Draw a bar per split, with its silent share hatched."""
    names = list(statistics.splits)[::-1]  # the first split on top
    empty = "silent" if long else "unmarked"
    longest = 0.0
    for row, name in enumerate(names):
        split = statistics.splits[name]
        total = float(sum(split.seconds)) / 60 if long else float(split.annotated)
        longest = max(longest, total)
        axis.barh(row, total, color=split_colour(name), height=0.62)
        axis.barh(row, total * split.silent, color="white", alpha=0.55, height=0.62, hatch="///", linewidth=0)
        clips = f"{split.clips:,} {'videos' if long else 'clips'}, {empty} {100 * split.silent:.1f} %"
        axis.text(total, row, f"  {clips}", va="center", fontsize=8)
    axis.set_yticks(range(len(names)), names)
    axis.set_xlim(0, longest * 1.5 or 1)  # room for the texts
    unit = "minutes of video" if long else "annotated frames"
    axis.set_title(f"{unit}; hatched: {empty}", loc="left", fontsize=10)
    _style(axis)


def _draw_mask_sizes(axis: "Axes", statistics: Statistics) -> None:
    """Draw the distribution of the masks' share of the frame on a logarithmic scale; each split sums to 100 %."""
    edges = np.geomspace(1e-4, 1, 25)  # 24 bins, six per decade
    for name, split in statistics.splits.items():
        _draw_histogram(axis, np.clip(split.mask_sizes, edges[0], 1), edges, name)
    axis.set_xscale("log")
    axis.set_xticks([1e-4, 1e-3, 1e-2, 1e-1, 1], ["0.01 %", "0.1 %", "1 %", "10 %", "100 %"])
    axis.set_xlim(edges[0], 1)
    axis.set_title("marked share of the frame, where any is marked; dotted: median", loc="left", fontsize=10)
    axis.set_ylabel("% of frames", fontsize=8)
    if any(split.mask_sizes for split in statistics.splits.values()):
        axis.legend(frameon=False, fontsize=8, loc="upper left")
    _style(axis)


def _draw_segments(axis: "Axes", statistics: Statistics) -> None:
    """Draw the distribution of the audible segments' lengths; each split sums to 100 %."""
    longest = 0.1
    for split in statistics.splits.values():
        longest = max(longest, max(split.segments, default=0.0))
    edges = np.linspace(0, longest * 1.02, 31)
    for name, split in statistics.splits.items():
        _draw_histogram(axis, np.asarray(split.segments), edges, name)
    axis.set_title("length of audible segments (s); dotted: median", loc="left", fontsize=10)
    axis.set_ylabel("% of segments", fontsize=8)
    axis.set_xlim(0, edges[-1])
    _style(axis)


def _draw_seconds(axis: "Axes", statistics: Statistics) -> None:
    """Draw the share of marked frames for each second of the clips."""
    length = 1
    for number, (name, split) in enumerate(statistics.splits.items()):
        # shifted sideways, otherwise equal shares would hide each other
        seconds = np.arange(1, len(split.by_second) + 1) + 0.07 * (number - 1)
        shares = 100 * np.asarray(split.by_second)
        axis.plot(seconds, shares, marker=_MARKERS[name], color=split_colour(name), linewidth=1.8, label=name)
        length = max(length, len(split.by_second))
    axis.set_xticks(range(1, length + 1))
    axis.set_xlim(0.6, length + 0.4)
    axis.set_ylim(0, 104)  # per cent, with room for markers at 100
    axis.set_title("annotated frames that are marked, by second of the clip", loc="left", fontsize=10)
    axis.set_ylabel("% of frames", fontsize=8)
    _style(axis)


def _draw_histogram(axis: "Axes", values: "np.ndarray", edges: "np.ndarray", name: str) -> None:
    """Draw the outline of a split's histogram in per cent, and its median."""
    if not len(values):
        return
    counts, _ = np.histogram(values, edges)
    axis.stairs(100 * counts / len(values), edges, color=split_colour(name), linewidth=1.8, label=name)
    axis.axvline(float(np.median(values)), color=split_colour(name), linewidth=1, linestyle=":")


def _draw_categories(axis: "Axes", statistics: Statistics, names: Sequence[str], long: bool) -> None:
    """Draw a stacked bar per category, the most frequent on top."""
    draw_category_bars(axis, statistics, names)
    categories = category_counts(statistics)
    omitted = len(categories) > len(names)
    selection = f", the {len(names)} most frequent of {len(categories)}" if omitted else ""
    axis.set_title(f"{'segments' if long else 'clips'} by category{selection}", loc="left", fontsize=10)
    axis.legend(frameon=False, fontsize=8, loc="lower right")
    _style(axis)


def _frequent_categories(statistics: Statistics) -> list[str]:
    """Return the categories by falling frequency, at most `_MAX_CATEGORIES`."""
    return [name for name, _ in category_counts(statistics)[:_MAX_CATEGORIES]]


def _style(axis: "Axes") -> None:
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    axis.tick_params(labelsize=8)
