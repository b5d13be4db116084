"""The lines of a table as text, the same for markdown, LaTeX and the terminal."""

import math
from collections.abc import Callable

from avseg.metrics.registry import PERCENT, metric_info
from avseg.tables.statistics import SIGNIFICANT
from avseg.tables.table import Comparison, Result, Table

_SEVERAL = "the score that its row or column names"
MISSING = "-"
_KINDS = {"columns": "the cell that it is compared with in its row", "rows": "that in its column"}


def number(value: float, digits: int = 2, sign: bool = False) -> str:
    """A number, or "-" where it is not known."""
    if math.isnan(value):
        return MISSING
    return f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"


def p_value(p: float) -> str:
    """A p value to three places."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def lines(table: Table, row: str, ours: Callable[[Result, set[str]], str]) -> dict[str, list[str]]:
    """The lines of a row by their names: ours, interval (where any cell has one), paper, difference.

    Args:
        table: the table.
        row: its name.
        ours: writes mean, deviation and marks in the way of the format.
    """
    results = [table.result(row, column) for column in table.columns]
    intervals = {"interval": [interval(result) for result in results]}
    return {
        "ours": [ours(result, table.marks(result.place)) for result in results],
        **(intervals if any(not math.isnan(result.low) for result in table.shown) else {}),
        "paper": [number(result.published) for result in results],
        "difference": [number(result.difference, sign=True) for result in results],
    }


def metric_name(table: Table) -> str:
    """What the numbers are."""
    return _SEVERAL if table.metrics else metric_info(table.metric).title


def interval(result: Result) -> str:
    """Low and high ends."""
    return MISSING if math.isnan(result.low) else f"[{result.low:.1f}, {result.high:.1f}]"


def caption(table: Table) -> list[str]:
    """What the numbers mean, a sentence each."""
    shown = table.shown
    there = [result.scores for result in shown if result.scores]
    unit = metric_info(table.metric).unit
    told = [f"{metric_name(table)} on the test split in {'per cent' if unit == PERCENT else unit}"]
    if there:
        seeds = {len(scores.values) for scores in there}
        what = ": mean ± standard deviation" if max(seeds) > 1 else ""
        told.append(f"ours: {_from_to(seeds)} seed{'s' if max(seeds) > 1 else ''} per cell{what}")
        if clips := {len(scores.clips) for scores in there if scores.clips}:
            more = ", seeds averaged first" if what else ""
            told.append(f"interval: 95 % BCa bootstrap over {_from_to(clips)} test clips{more}")
    if table.missing:
        told.append(f"{len(table.missing)} of {len(shown)} cells have no complete run yet ({MISSING})")
    return [*told, *([table.note.rstrip(".")] if table.note else [])]


def legend(table: Table, marks: dict[str, str]) -> str:
    """What a mark says; empty when nothing was compared."""
    kinds = [kind for kind in marks if any(item.kind == kind for item in table.comparisons)]
    told = [f"{marks[kind]} differs from {_KINDS[kind]}" for kind in kinds]
    if not told:
        return ""
    test = f"paired permutation test over clips, Holm's correction over {len(table.comparisons)} comparisons"
    return f"{'; '.join(told)} (p < {SIGNIFICANT}, {test})"


def comparison(item: Comparison) -> list[str]:
    """The cells of one line in the list of comparisons."""
    (row, first), (other_row, second) = item.first, item.second
    what = [row, f"{first} → {second}"] if item.kind == "columns" else [f"{row} → {other_row}", first]
    return [*what, number(item.difference, sign=True), p_value(item.p), p_value(item.corrected)]


def _from_to(numbers: set[int]) -> str:
    return str(max(numbers)) if len(numbers) == 1 else f"{min(numbers)} to {max(numbers)}"
