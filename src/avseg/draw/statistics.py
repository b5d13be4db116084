"""A data set in four pictures: how many, how large the marks are, how long things last, and what sounds."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avseg.data.check.statistics import Statistics
from avseg.draw.palette import OKABE_ITO
from avseg.draw.strips import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {"train": "blue", "val": "orange", "test": "green"}
_MARKERS = {"train": "o", "val": "s", "test": "^"}
_MOST = 30  # categories that are named


def save_statistics(path: Path, statistics: Statistics, *, title: str = "") -> None:
    """Writes the statistics of a set as a PNG.

    Args:
        path: the PNG; a folder that is missing is made.
        statistics: of `avseg.data.check.statistics_of`.
        title: written above.
    """
    save_figure(draw_statistics(statistics, title), path, dpi=110)


def draw_statistics(statistics: Statistics, title: str = "") -> "Figure":
    """The figure: counts, mask sizes and lengths on the left, categories on the right where there are any."""
    from matplotlib.figure import Figure

    categories = _categories(statistics)
    height = max(6.6, 0.21 * len(categories) + 1.2)
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


def _colour(split: str) -> tuple[float, float, float]:
    red, green, blue = OKABE_ITO[_COLOURS[split]]
    return red / 255, green / 255, blue / 255


def _draw_counts(axis: "Axes", statistics: Statistics, long: bool) -> None:
    """A bar per split, and in it the share that is silent."""
    names = list(statistics.splits)[::-1]
    what = [split.seconds if long else split.annotated for split in map(statistics.splits.__getitem__, names)]
    totals = [float(sum(value)) / 60 if isinstance(value, list) else float(value) for value in what]
    empty = "silent" if long else "unmarked"
    for place, (name, total) in enumerate(zip(names, totals, strict=True)):
        split = statistics.splits[name]
        axis.barh(place, total, color=_colour(name), height=0.62)
        axis.barh(place, total * split.silent, color="white", alpha=0.55, height=0.62, hatch="///", linewidth=0)
        clips = f"{split.clips:,} {'videos' if long else 'clips'}, {empty} {100 * split.silent:.1f} %"
        axis.text(total, place, f"  {clips}", va="center", fontsize=8)
    axis.set_yticks(range(len(names)), names)
    axis.set_xlim(0, max(totals, default=1.0) * 1.5 or 1)
    what_is_counted = "minutes of video" if long else "annotated frames"
    axis.set_title(f"{what_is_counted}; hatched: {empty}", loc="left", fontsize=10)
    _plain(axis)


def _draw_mask_sizes(axis: "Axes", statistics: Statistics) -> None:
    """How much of the picture a mask covers, on a logarithmic scale; each split sums to 100 %."""
    edges = np.geomspace(1e-4, 1, 25)
    for name, split in statistics.splits.items():
        _outline(axis, np.clip(split.mask_sizes, edges[0], 1), edges, name)
    axis.set_xscale("log")
    axis.set_xticks([1e-4, 1e-3, 1e-2, 1e-1, 1], ["0.01 %", "0.1 %", "1 %", "10 %", "100 %"])
    axis.set_xlim(edges[0], 1)
    axis.set_title("marked share of the picture, where any is marked; dotted: median", loc="left", fontsize=10)
    axis.set_ylabel("% of frames", fontsize=8)
    if any(split.mask_sizes for split in statistics.splits.values()):
        axis.legend(frameon=False, fontsize=8, loc="upper left")
    _plain(axis)


def _draw_segments(axis: "Axes", statistics: Statistics) -> None:
    """Lengths of audible segments; each split sums to 100 %."""
    longest = max((max(split.segments, default=0.0) for split in statistics.splits.values()), default=0.0)
    edges = np.linspace(0, max(longest, 0.1) * 1.02, 31)
    for name, split in statistics.splits.items():
        _outline(axis, np.asarray(split.segments), edges, name)
    axis.set_title("length of audible segments (s); dotted: median", loc="left", fontsize=10)
    axis.set_ylabel("% of segments", fontsize=8)
    axis.set_xlim(0, edges[-1])
    _plain(axis)


def _draw_seconds(axis: "Axes", statistics: Statistics) -> None:
    """How often each second of a clip is marked at all."""
    for place, (name, split) in enumerate(statistics.splits.items()):
        # side by side, or equal shares would hide each other
        seconds = np.arange(1, len(split.by_second) + 1) + 0.07 * (place - 1)
        shares = 100 * np.asarray(split.by_second)
        axis.plot(seconds, shares, marker=_MARKERS[name], color=_colour(name), linewidth=1.8, label=name)
    most = max((len(split.by_second) for split in statistics.splits.values()), default=1)
    axis.set_xticks(range(1, most + 1))
    axis.set_xlim(0.6, most + 0.4)
    axis.set_ylim(0, 104)
    axis.set_title("annotated frames that are marked, by second of the clip", loc="left", fontsize=10)
    axis.set_ylabel("% of frames", fontsize=8)
    _plain(axis)


def _outline(axis: "Axes", values: "np.ndarray", edges: "np.ndarray", name: str) -> None:
    if not len(values):
        return
    counts, _ = np.histogram(values, edges)
    axis.stairs(100 * counts / len(values), edges, color=_colour(name), linewidth=1.8, label=name)
    axis.axvline(float(np.median(values)), color=_colour(name), linewidth=1, linestyle=":")


def _draw_categories(axis: "Axes", statistics: Statistics, names: Sequence[str], long: bool) -> None:
    """A stacked bar per category, the most frequent above."""
    places = np.arange(len(names))[::-1]
    left = np.zeros(len(names))
    for split_name, split in statistics.splits.items():
        counts = np.array([split.categories.get(name, 0) for name in names], float)
        axis.barh(places, counts, left=left, color=_colour(split_name), height=0.72, label=split_name)
        left += counts
    axis.set_yticks(places, names, fontsize=8)
    axis.set_ylim(-0.6, len(names) - 0.4)
    total = len({name for split in statistics.splits.values() for name in split.categories})
    of = f", the {len(names)} most frequent of {total}" if total > len(names) else ""
    axis.set_title(f"{'segments' if long else 'clips'} by category{of}", loc="left", fontsize=10)
    axis.legend(frameon=False, fontsize=8, loc="lower right")
    _plain(axis)


def _categories(statistics: Statistics) -> list[str]:
    """The most frequent ones first."""
    counts: Counter[str] = Counter()
    for split in statistics.splits.values():
        counts.update(split.categories)
    return [name for name, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST]]


def _plain(axis: "Axes") -> None:
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    axis.tick_params(labelsize=8)
