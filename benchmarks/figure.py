"""The benchmark's figure: ratios as bars, and a small plot for each curve."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.measure import Comparison

OURS, PUBLISHED = "#0072b2", "#d55e00"  # Okabe and Ito: safe for colour-blind readers
COLUMNS = 3


def draw(comparisons: Sequence[Comparison], machine: str, path: Path) -> None:
    """Write the figure; the suffix of `path` decides the format."""
    bars = [c for c in comparisons if c.ratio is not None and not c.curve]
    curves = list(dict.fromkeys(c.curve for c in comparisons if c.curve))
    rows = -(-len(curves) // COLUMNS)
    heights = [0.32 * max(len(bars), 1) + 0.8, *[2.6] * rows]
    figure = Figure(figsize=(11, sum(heights) + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(1 + rows, COLUMNS, height_ratios=heights)
    _bars(figure.add_subplot(grid[0, :]), bars)
    for position, curve in enumerate(curves):
        axes = figure.add_subplot(grid[1 + position // COLUMNS, position % COLUMNS])
        _curve(axes, curve, [c for c in comparisons if c.curve == curve])
    figure.suptitle(f"{machine}", fontsize=8, color="0.4")
    figure.savefig(path, dpi=110)


def _bars(axes: Axes, bars: Sequence[Comparison]) -> None:
    """Plot published over ours with its spread; a tick at the target."""
    positions = list(range(len(bars)))[::-1]
    ratios = [c.ratio or 0.0 for c in bars]
    spread = [[r - min(c.ratios), max(c.ratios) - r] for r, c in zip(ratios, bars, strict=True)]
    axes.barh(positions, ratios, 0.6, color=OURS, alpha=0.85)
    if bars:
        axes.errorbar(ratios, positions, xerr=list(zip(*spread, strict=True)), fmt="none", ecolor="0.25", capsize=2)
    for position, c, ratio in zip(positions, bars, ratios, strict=True):
        axes.text(max(c.ratios) * 1.06, position, f"{ratio:.1f}x", va="center", fontsize=8)
        if c.target is not None:
            axes.plot([c.target] * 2, [position - 0.42, position + 0.42], color=PUBLISHED, linewidth=2)
    axes.axvline(1, color="0.4", linewidth=0.8)
    axes.set_yticks(positions, [c.name for c in bars], fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(right=2.0 * max([1.0, *(max(c.ratios) for c in bars)]))
    axes.set_xlabel("published form / ours (log scale); orange tick: target", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _curve(axes: Axes, name: str, points: Sequence[Comparison]) -> None:
    for label, colour, marker in (("ours", OURS, "o"), ("published", PUBLISHED, "s")):
        values = [(c.x, statistics.median(getattr(c, label))) for c in points if getattr(c, label) and c.x is not None]
        if values:
            axes.plot(*zip(*sorted(values), strict=True), color=colour, marker=marker, markersize=4, label=label)
    spans = [c.x for c in points if c.x]
    if len(spans) > 1 and max(spans) / min(spans) > 8:
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(spans, [f"{x:g}" for x in spans])
    else:
        axes.set_ylim(bottom=0)
        axes.set_xticks([c.x for c in points if c.x is not None])
    axes.set_title(name, fontsize=8)
    axes.set_ylabel(points[0].unit, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    if any(c.published for c in points):
        axes.legend(fontsize=7, frameon=False)
