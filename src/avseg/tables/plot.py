"""A table as a picture: ours with intervals beside the paper's, in colours that any colour vision tells apart."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from avseg.draw.palette import OKABE_ITO
from avseg.draw.strips import save_figure
from avseg.tables.layout import metric_name
from avseg.tables.sweep_file import Picture
from avseg.tables.table import Result, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# colour and shape both tell the rows apart
_SERIES = [("blue", "o"), ("vermilion", "s"), ("green", "^"), ("purple", "D"), ("orange", "v")]
_PANEL = (5.2, 4.2)  # inches
_APART = 0.22  # between the rows' places within a column, of the distance of two columns


def save_plot(path: Path, table: Table, picture: Picture) -> None:
    """Writes a PNG with a panel per group of rows.

    Args:
        path: the PNG.
        table: the numbers.
        picture: the panels, and whether lines join the columns.
    """
    from matplotlib.figure import Figure

    width = max(_PANEL[0], 1.45 * len(table.columns)) if len(picture.panels) == 1 else _PANEL[0]
    figure = Figure(figsize=(width * len(picture.panels), _PANEL[1]), layout="constrained")
    axes = figure.subplots(1, len(picture.panels), squeeze=False)[0]
    for axis, (name, rows) in zip(axes, picture.panels.items(), strict=True):
        _draw_panel(axis, table, {row: row.removeprefix(name).strip() for row in rows}, picture.joined)
        axis.set_title(name, loc="left", fontsize=11, fontweight="bold")
        axis.set_xlabel(picture.label)
    axes[0].set_ylabel(f"{'score' if table.metrics else metric_name(table)} on the test split, %")
    figure.suptitle(table.title, fontsize=12)
    bars = "bars: 95 % interval over test clips; " if any(not math.isnan(item.low) for item in table.shown) else ""
    figure.supxlabel(f"{bars}hollow: the paper's numbers", fontsize=8, color="0.35")
    save_figure(figure, path, dpi=150)


def _draw_panel(axis: "Axes", table: Table, rows: dict[str, str], joined: bool) -> None:
    """Draws some rows, each called by its name in the legend."""
    for index, (row, name) in enumerate(rows.items()):
        colour, marker = _SERIES[index % len(_SERIES)]
        # no two intervals on top of each other
        shift = _APART * (index - (len(rows) - 1) / 2) * (0.4 if joined else 1)
        style = _Style(tuple(value / 255 for value in OKABE_ITO[colour]), marker, shift, joined)
        _draw_row(axis, name, [table.result(row, column) for column in table.columns], style)
    axis.set_xticks(range(len(table.columns)), [column.replace(" ", "\n") for column in table.columns])
    axis.set_xlim(-0.5, len(table.columns) - 0.5)
    axis.grid(axis="y", color="0.9", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    handles = dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    shown = [f"{name}, {whose}" for whose in ("ours", "paper") for name in rows.values()]  # a column each
    axis.legend(
        [handles[text] for text in shown],
        shown,
        frameon=False,
        fontsize=8,
        ncols=2,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16 if joined else -0.25),
    )


class _Style:
    def __init__(self, colour: tuple[float, ...], marker: str, shift: float, joined: bool) -> None:
        self.colour, self.marker, self.shift, self.joined = colour, marker, shift, joined


def _draw_row(axis: "Axes", name: str, results: list[Result], style: _Style) -> None:
    """Ours filled with bars, the paper's hollow and dashed."""
    places = [index + style.shift for index in range(len(results))]
    ours = [result.mean for result in results]
    bars = [[_bar(r.mean, r.low) for r in results], [_bar(r.high, r.mean) for r in results]]
    line = "-" if style.joined else "none"
    common = {"color": style.colour, "marker": style.marker, "markersize": 6}
    axis.errorbar(places, ours, bars, linestyle=line, capsize=3, linewidth=1.6, label=f"{name}, ours", **common)  # type: ignore[arg-type]
    beside = places if style.joined else [place + 0.4 * _APART for place in places]
    dashed = {"linestyle": "--" if style.joined else "none", "linewidth": 1.1, "markerfacecolor": "white"}
    axis.plot(beside, [r.published for r in results], alpha=0.8, label=f"{name}, paper", **common, **dashed)  # type: ignore[arg-type]


def _bar(high: float, low: float) -> float:
    length = high - low
    return 0.0 if math.isnan(length) else max(length, 0.0)
