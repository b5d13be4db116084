"""Published numbers next to ours, each with its source and grade, in a table of its own per family of metrics."""

from avseg.comparison.table import ComparisonTable
from avseg.data.check.published import PUBLISHED
from avseg.data.setting import ClipSetting
from avseg.tables.layout import number
from avseg.tables.published import FAMILIES, GRADES, UNVERIFIED_MARK, PublishedNumber, read_published, select
from avseg.tables.text import HARD_MARK, TextTable
from avseg.utils.errors import UserError

# of one class, which is what a comparison takes
_SETTINGS = ("s4", "ms3")
_FAMILIES = ("per-frame", "whole-set")
_HEADER = ["method", "backbone", "input", "IoU", "F", "grade", "source", "note"]


def check_published(setting: ClipSetting) -> None:
    """Raise `UserError` if nothing is published for the setting."""
    if setting.name not in _SETTINGS:
        raise UserError(f"--published: no numbers for setting '{setting.name}'; known: {', '.join(_SETTINGS)}")


def published_tables(table: ComparisonTable, setting: ClipSetting) -> list[TextTable]:
    """Return a table per family: ours, then the published numbers of the setting, best first."""
    numbers = read_published()
    tables = []
    for family in _FAMILIES:
        iou, f_score = FAMILIES[family].j, FAMILIES[family].f
        lines = []
        for method in table.methods:
            mark = f" {HARD_MARK}" if f_score == "fscore" and not method.soft else ""
            ours = (number(table.value(method, iou)), number(table.value(method, f_score)) + mark)
            lines.append([method.name, "", "", *ours, "ours", method.source, ""])
        lines += [_line(row) for row in select(numbers, setting.name, family) if row.j]
        tables.append(TextTable(f"Published: {FAMILIES[family].title}", _HEADER, lines, _notes(table, setting)))
    return tables


def _line(row: PublishedNumber) -> list[str]:
    notes = []
    if row.selection == "test":
        notes.append("chosen on the test split")
    if row.videos_per_group:
        notes.append(f"F over groups of {row.videos_per_group}")
    method = f"{row.method} ({row.venue})" + ("" if row.verified else f" {UNVERIFIED_MARK}")
    note = "; ".join(filter(None, [*notes, row.note]))
    return [method, row.backbone, row.input, row.j, row.f or "-", row.grade, row.source, note]


def _notes(table: ComparisonTable, setting: ClipSetting) -> list[str]:
    notes = ["grade: " + "; ".join(f"{grade} {text}" for grade, text in GRADES.items())]
    notes.append(f"{UNVERIFIED_MARK} not verified")
    clips = PUBLISHED[setting.name].splits["test"]
    if (table.split, len(table.entries)) != ("test", clips):
        split_text = f"the {table.split} split of {table.data} with {len(table.entries)} clips"
        notes.append(
            f"NOT COMPARABLE: published numbers are of the {clips} test clips of AVSBench, ours of {split_text}"
        )
    return notes
