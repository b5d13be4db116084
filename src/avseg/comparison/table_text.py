"""The tables of a comparison as rows of text."""

import math

from avseg.comparison.scoring import MethodScores
from avseg.comparison.table import ComparisonTable, info
from avseg.metrics.registry import PERCENT
from avseg.tables.layout import number, p_value
from avseg.tables.text import HARD_MARK, TextTable


def score_table(table: ComparisonTable) -> TextTable:
    """Return a row per method: each score, with its interval where it is a mean over clips."""
    rows = []
    for method in table.methods:
        rows.append([method.name, *(_cell(table, method, key) for key in table.metrics)])
    titles = [info(key).heading for key in table.metrics]
    return TextTable(
        f"{table.data}, {table.split} split, {len(table.entries)} clips", ["method", *titles], rows, _notes(table)
    )


def test_table(table: ComparisonTable) -> TextTable:
    """Return a row per pair of methods and tested metric."""
    rows = []
    for test in table.tests:
        name = info(test.metric).title + (" per clip" if test.metric == "fscore" else "")
        numbers = (number(test.difference, sign=True), str(test.clips), p_value(test.p), p_value(test.corrected))
        rows.append([name, f"{test.first} → {test.second}", *numbers])
    note = "paired permutation tests over clips; Holm's correction over all pairs in one metric"
    return TextTable("Differences", ["metric", "methods", "difference", "clips", "p", "p (Holm)"], rows, [note])


def category_table(table: ComparisonTable) -> TextTable:
    """Return J of each method per category."""
    rows = []
    for category, (clips, means) in table.categories.items():
        rows.append([category, str(clips), *(number(means[method.name]) for method in table.methods)])
    header = ["category", "clips", *table.names]
    return TextTable("J (mIoU) by category", header, rows)


def _cell(table: ComparisonTable, method: MethodScores, key: str) -> str:
    text = number(table.value(method, key))
    if key == "fscore" and not method.soft:
        text += f" {HARD_MARK}"
    low, high = table.intervals.get((method.name, key), (math.nan, math.nan))
    return text if math.isnan(low) else f"{text} [{low:.1f}, {high:.1f}]"


def _notes(table: ComparisonTable) -> list[str]:
    group = table.videos_per_group
    grouped = f" per group of {group} videos, averaged" if group else " of the whole split"
    units = sorted({info(key).unit for key in table.metrics} - {PERCENT})
    notes = [
        f"per cent{' unless a column says otherwise' if units else ''}; brackets: 95 % BCa interval over clips",
        f"F-score: maximum over thresholds{grouped}",
        f"silent frames left empty: share of the {table.methods[0].silent_frames} frames in which nothing sounds",
        "false positives: marked pixels among those that do not sound, mean over frames",
    ]
    hard = [method.name for method in table.methods if not method.soft]
    if hard:
        notes.append(f"{HARD_MARK} F of hard masks (one threshold alone), lower than of soft maps: {', '.join(hard)}")
    for method in table.methods:
        notes += [f"{method.name}: {finding.text}" for finding in method.findings]
    return notes
