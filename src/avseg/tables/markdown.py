"""A table as markdown."""

import math

from avseg.metrics.registry import metric_info
from avseg.tables.layout import caption, comparison, legend, lines, number
from avseg.tables.table import Result, Table

MARKS = {"columns": "\\*", "rows": "†"}
_NAMES = {"ours": "ours", "interval": "95 % interval", "paper": "paper", "difference": "difference"}


def markdown(table: Table) -> str:
    """The table, what its numbers mean, what else the paper gives, and the list of comparisons."""
    told = [*caption(table), *([legend(table, MARKS)] if table.comparisons else [])]
    parts = [f"# {table.title}", _cells(table), "\n".join(f"- {sentence}" for sentence in told)]
    others = [item for item in table.results if item.metric != table.metric_at(item.place)]
    if others := [item for item in others if not math.isnan(item.published)]:
        parts += ["## Also published", _others(others)]
    if table.comparisons:
        parts += ["## Comparisons", _comparisons(table)]
    return "\n\n".join(parts) + "\n"


def _cells(table: Table) -> str:
    head = ["", "", *map(_text, table.columns)]
    body = [
        [f"**{_text(row)}**" if name == "ours" else "", _NAMES[name], *cells]
        for row in table.rows
        for name, cells in lines(table, row, _ours).items()
    ]
    return _grid(head, body, left=2)


def _others(results: list[Result]) -> str:
    head = ["metric", "row", "column", "ours", "paper", "difference"]
    body = []
    for item in results:
        numbers = (_ours(item, set()), number(item.published), number(item.difference, sign=True))
        body.append([metric_info(item.metric).title, *map(_text, item.place), *numbers])
    return _grid(head, body, left=3)


def _comparisons(table: Table) -> str:
    head = ["row", "column", "difference", "p", "p, corrected"]
    return _grid(head, [list(map(_text, comparison(item))) for item in table.comparisons], left=2)


def _ours(result: Result, marks: set[str]) -> str:
    text = number(result.mean) + ("" if math.isnan(result.sd) else f" ± {number(result.sd)}")
    return text + "".join(f" {mark}" for kind, mark in MARKS.items() if kind in marks)


def _grid(head: list[str], body: list[list[str]], left: int) -> str:
    rule = ["---" if index < left else "---:" for index in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *body))


def _text(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
