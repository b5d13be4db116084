"""Plot a table: ours with intervals next to the paper's numbers, in colours that are safe for colour blindness."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avseg.draw.palette import OKABE_ITO
from avseg.draw.strips import save_figure
from avseg.tables.layout import metric_name
from avseg.tables.sweep_file import Plot
from avseg.tables.table import Table

# rows differ in both colour and marker
_SERIES = [("blue", "o"), ("vermilion", "s"), ("green", "^"), ("purple", "D"), ("orange", "v")]
_SERIES += [("sky", "P"), ("yellow", "<"), ("blue", ">"), ("vermilion", "X"), ("green", "*")]
_PANEL_SIZE = (5.2, 4.2)  # inches
_COLUMN_WIDTH = 1.45  # inches, in a plot of one panel
_MANY_ROWS = 5
_LEGEND_LINE = 0.26  # inches of height for each further row
# distances are fractions of the distance of two columns
_MAX_ROW_SHIFT = 0.22
_ROWS_WIDTH = 0.8  # of all rows
_PAPER_SHIFT = 0.4  # of the distance of two rows


@dataclass(frozen=True)
class _Style:
    colour: tuple[float, ...]
    marker: str
    shift: float
    paper_shift: float
    joined: bool


def save_plot(path: Path, table: Table, plot: Plot) -> None:
    """Write a PNG with a panel per group of rows."""
    width, height = _PANEL_SIZE
    if len(plot.panels) == 1:
        width = max(width, _COLUMN_WIDTH * len(table.sweep.columns))
    longest = max(map(len, plot.panels.values()))
    height += _LEGEND_LINE * max(0, longest - _MANY_ROWS)
    # not pyplot, whose global state is not thread-safe
    figure = Figure(figsize=(width * len(plot.panels), height), layout="constrained")
    axes = figure.subplots(1, len(plot.panels), squeeze=False)[0]
    for axis, (name, rows) in zip(axes, plot.panels.items(), strict=True):
        _draw_panel(axis, table, name, rows, plot.joined)
        axis.set_title(name, loc="left", fontsize=11, fontweight="bold")
        axis.set_xlabel(plot.label)
    axes[0].set_ylabel(f"{'score' if table.sweep.metrics else metric_name(table)} on the test split, %")
    figure.suptitle(table.sweep.title, fontsize=12)
    bars = "bars: 95 % interval over test clips; " if table.has_intervals else ""
    figure.supxlabel(f"{bars}hollow: the paper's numbers", fontsize=8, color="0.35")
    save_figure(figure, path, dpi=150)


def _draw_panel(axis: Axes, table: Table, name: str, rows: tuple[str, ...], joined: bool) -> None:
    """Draw some rows; the legend omits the name of the panel from the names of its rows."""
    columns = _columns(table, rows)
    row_shift = min(_MAX_ROW_SHIFT, _ROWS_WIDTH / len(rows))
    for index, row in enumerate(rows):
        colour, marker = _SERIES[index % len(_SERIES)]
        rgb = tuple(np.array(OKABE_ITO[colour]) / 255)
        # shifted so that intervals do not overlap
        shift = row_shift * (index - (len(rows) - 1) / 2) * (0.4 if joined else 1)
        style = _Style(rgb, marker, shift, 0 if joined else _PAPER_SHIFT * row_shift, joined)
        _draw_row(axis, table, row, columns, row.removeprefix(name).strip(), style)
    axis.set_xticks(range(len(columns)), [column.replace(" ", "\n") for column in columns])
    axis.set_xlim(-0.5, len(columns) - 0.5)
    axis.grid(axis="y", color="0.9", linewidth=0.8)
    axis.set_axisbelow(True)  # the grid behind the markers
    axis.spines[["top", "right"]].set_visible(False)
    # matplotlib lists lines (the paper's) before error bars (ours); the legend fills a column with each
    handles, labels = axis.get_legend_handles_labels()
    papers = len(handles) - len(rows)
    handles = handles[papers:] + handles[:papers]
    labels = labels[papers:] + labels[:papers]
    below = (0.5, -0.16 if joined else -0.25)
    axis.legend(handles, labels, frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=below)


def _columns(table: Table, rows: tuple[str, ...]) -> list[str]:
    """Return the columns in which any of the rows has a number; all before there is one."""
    columns = []
    for column in table.sweep.columns:
        results = [table.result(row, column) for row in rows]
        if not all(np.isnan(result.mean) and np.isnan(result.published) for result in results):
            columns.append(column)
    return columns or list(table.sweep.columns)


def _draw_row(axis: Axes, table: Table, row: str, columns: Sequence[str], name: str, style: _Style) -> None:
    numbers = []
    for column in columns:
        result = table.result(row, column)
        numbers.append((result.mean, result.low, result.high, result.published))
    mean, low, high, published = np.array(numbers).T  # (columns,) each
    x = np.arange(len(numbers)) + style.shift
    bars = np.maximum([mean - low, high - mean], 0)  # (2, columns); NaN, which draws none, without an interval
    solid, dashed = ("-", "--") if style.joined else ("none", "none")
    marks = {"color": style.colour, "marker": style.marker}
    axis.errorbar(x, mean, bars, ls=solid, lw=1.6, ms=6, capsize=3, label=f"{name}, ours", **marks)  # type: ignore[arg-type]
    if np.isnan(published).all():
        return
    x = x + style.paper_shift
    axis.plot(x, published, ls=dashed, lw=1.1, ms=6, mfc="white", alpha=0.8, label=f"{name}, paper", **marks)  # type: ignore[arg-type]
