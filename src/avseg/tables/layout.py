"""The lines of a table as text, shared by markdown, LaTeX and the terminal."""

import math
from collections.abc import Callable

from avseg.metrics.registry import PERCENT, metric_info
from avseg.tables.statistics import SIGNIFICANT
from avseg.tables.table import Comparison, Result, Table

MISSING = "-"  # no complete run, or not published
_LEGENDS = {"columns": "the cell that it is compared with in its row", "rows": "that in its column"}


def number(value: float, digits: int = 2, sign: bool = False) -> str:
    """Format a number; "-" for NaN."""
    if math.isnan(value):
        return MISSING
    return f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"


def p_value(p: float) -> str:
    """Format a p value with three digits."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def lines(table: Table, row: str, ours: Callable[[Result], str], marks: dict[str, str]) -> dict[str, list[str]]:
    """Return the lines of a row by name: ours, interval (if any cell has one), paper, difference.

    `ours` formats mean and deviation; the marks of significant differences, by axis, are appended to it.
    """
    texts: dict[str, list[str]] = {"ours": [], "interval": [], "paper": [], "difference": []}
    for column in table.sweep.columns:
        result = table.result(row, column)
        symbols = map(marks.__getitem__, table.significant_axes(result.key))
        texts["ours"].append("".join([ours(result), *symbols]))
        texts["interval"].append(interval(result))
        texts["paper"].append(number(result.published))
        texts["difference"].append(number(result.difference, sign=True))
    # a line of dashes would help nobody
    if not table.has_intervals:
        del texts["interval"]
    return texts


def metric_name(table: Table) -> str:
    """Return the title of the table's metric."""
    return "the score that its row or column names" if table.sweep.metrics else metric_info(table.sweep.metric).title


def interval(result: Result) -> str:
    """Format the interval over clips."""
    return MISSING if math.isnan(result.low) else f"[{result.low:.1f}, {result.high:.1f}]"


def caption(table: Table) -> list[str]:
    """Explain the numbers, a sentence each."""
    unit = metric_info(table.sweep.metric).unit
    sentences = [f"{metric_name(table)} on the test split in {'per cent' if unit == PERCENT else unit}"]
    seeds: set[int] = set()
    clips: set[int] = set()
    missing = 0
    for result in table.cells:
        if result.scores is None:
            missing += 1
            continue
        seeds.add(len(result.scores.values))
        if result.scores.clips:
            clips.add(len(result.scores.clips))
    several = bool(seeds) and max(seeds) > 1  # cells may have different numbers of seeds while jobs run
    if seeds:
        statistic = "s per cell: mean ± standard deviation" if several else " per cell"
        sentences.append(f"ours: {_span(seeds)} seed{statistic}")
    if clips:
        average = ", seeds averaged first" if several else ""
        sentences.append(f"interval: 95 % BCa bootstrap over {_span(clips)} test clips{average}")
    if missing:
        sentences.append(f"{missing} of {len(table.cells)} cells have no complete run yet ({MISSING})")
    if table.sweep.note:
        sentences.append(table.sweep.note.rstrip("."))
    return sentences


def legend(table: Table, marks: dict[str, str]) -> str:
    """Explain the marks of significant differences; empty if nothing was compared."""
    sentences = []
    for axis, mark in marks.items():
        if any(item.axis == axis for item in table.comparisons):
            sentences.append(f"{mark.strip()} differs from {_LEGENDS[axis]}")
    if not sentences:
        return ""
    test = f"paired permutation test over clips, Holm's correction over {len(table.comparisons)} comparisons"
    return f"{'; '.join(sentences)} (p < {SIGNIFICANT}, {test})"


def comparison(item: Comparison) -> list[str]:
    """Return the cells of one line in the list of comparisons."""
    row, column = item.first
    other_row, other_column = item.second
    cells = [row, f"{column} → {other_column}"] if item.axis == "columns" else [f"{row} → {other_row}", column]
    return [*cells, number(item.difference, sign=True), p_value(item.p), p_value(item.corrected)]


def _span(numbers: set[int]) -> str:
    return str(max(numbers)) if len(numbers) == 1 else f"{min(numbers)} to {max(numbers)}"
