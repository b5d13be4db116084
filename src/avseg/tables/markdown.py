"""Write a table as markdown."""

import math

from avseg.metrics.registry import metric_info
from avseg.tables.layout import caption, comparison, legend, lines, number
from avseg.tables.published import FAMILIES, GRADES
from avseg.tables.published_cells import Source
from avseg.tables.table import Result, Table

# an unescaped star would start emphasis
MARKS = {"columns": " \\*", "rows": " †"}
_NAMES = {"ours": "ours", "interval": "95 % interval", "paper": "paper", "difference": "difference"}


def markdown(table: Table) -> str:
    """Return the table, the explanation of its numbers, other published scores, comparisons, and sources."""
    sentences = caption(table)
    if table.comparisons:
        sentences.append(legend(table, MARKS))
    sections = [f"# {table.sweep.title}", _cells(table), "- " + "\n- ".join(sentences)]
    # for example F-scores in a table of mIoU
    other_scores = []
    for result in table.results:
        if result.metric != table.sweep.metric_at(result.key) and not math.isnan(result.published):
            other_scores.append(result)
    if other_scores:
        sections += ["## Also published", _list_results(other_scores)]
    if table.comparisons:
        sections += ["## Comparisons", _list_comparisons(table)]
    if table.sources:
        sections += ["## Sources of the published numbers", _list_sources(table), _source_legend(table)]
    return "\n\n".join(sections) + "\n"


def _cells(table: Table) -> str:
    body = []
    for row in table.sweep.rows:
        for name, cells in lines(table, row, _ours, MARKS).items():
            label = f"**{_escape(row)}**" if name == "ours" else ""
            body.append([label, _NAMES[name], *cells])
    return _grid(["", "", *map(_escape, table.sweep.columns)], body, text_columns=2)


def _list_results(results: list[Result]) -> str:
    body = []
    for result in results:
        numbers = (_ours(result), number(result.published), number(result.difference, sign=True))
        body.append([metric_info(result.metric).title, *map(_escape, result.key), *numbers])
    return _grid(["metric", "row", "column", "ours", "paper", "difference"], body, text_columns=3)


def _list_comparisons(table: Table) -> str:
    body = [list(map(_escape, comparison(item))) for item in table.comparisons]
    return _grid(["row", "column", "difference", "p", "p, corrected"], body, text_columns=2)


def _list_sources(table: Table) -> str:
    """One line per row of the table and source."""
    titles: dict[tuple[str, Source], list[str]] = {}
    for (row, column, metric), source in table.sources.items():
        title = metric_info(metric).title
        # columns that name the metric, or other settings
        titles.setdefault((row, source), []).append(title if table.sweep.metrics else f"{column}: {title}")
    body = []
    for (row, source), names in titles.items():
        cells = (row, ", ".join(names), source.family, source.grade, source.source, source.note)
        body.append(list(map(_escape, cells)))
    return _grid(["row", "scores", "family", "grade", "source", "note"], body, text_columns=6)


def _source_legend(table: Table) -> str:
    sentences = []
    for family in sorted({source.family for source in table.sources.values()}):
        sentences.append(f"family {family}: {FAMILIES[family].title}")
    for grade in sorted({source.grade for source in table.sources.values()}):
        sentences.append(f"grade {grade}: {GRADES[grade]}")
    return "- " + "\n- ".join(sentences)


def _ours(result: Result) -> str:
    return number(result.mean) + ("" if math.isnan(result.sd) else f" ± {number(result.sd)}")


def _grid(head: list[str], body: list[list[str]], text_columns: int) -> str:
    """Format rows of cells; the first columns are aligned left, the others right."""
    rule = ["---"] * text_columns + ["---:"] * (len(head) - text_columns)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *body))


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
