"""Published numbers next to ours, each with its source and grade, in a table of its own per family of metrics.

A family is how a score is averaged: "frames" is the official J and F of AVSBench, "whole_set" one confusion matrix over
the split (CAVP). The same weights differ by 17 points between them, so they never share a column.
"""

import csv
from importlib.resources import files

from avseg.comparison.table import ComparisonTable
from avseg.comparison.table_text import HARD_MARK, TextTable
from avseg.data.setting import ClipSetting
from avseg.tables.layout import number
from avseg.utils.errors import UserError

GRADES = {"A": "the method's own repository", "B": "another author's", "U": "not verified, from memory of the paper"}
_TEST_CLIPS = {"s4": 740, "ms3": 64}
# title, and the keys of IoU and F in the registry of metrics
_FAMILIES = {
    "frames": ("J and F averaged over frames (AVSBench)", "miou", "fscore"),
    "whole_set": ("IoU and F of the whole split, background a class (CAVP)", "dataset_iou", "dataset_fscore"),
}


def check_published(setting: ClipSetting) -> None:
    """Raise `UserError` if nothing is published for the setting."""
    if setting.name not in _TEST_CLIPS:
        raise UserError(f"--published: no numbers for setting '{setting.name}'; known: {', '.join(_TEST_CLIPS)}")


def published_tables(table: ComparisonTable, setting: ClipSetting) -> list[TextTable]:
    """Return a table per family: ours, then the published numbers of the setting, best first."""
    rows = [row for row in _read() if row["setting"] == setting.name]
    tables = []
    for family, (title, iou, f_score) in _FAMILIES.items():
        lines = []
        for method in table.methods:
            mark = f" {HARD_MARK}" if f_score == "fscore" and not method.soft else ""
            ours = (number(table.value(method, iou)), number(table.value(method, f_score)) + mark)
            lines.append([method.name, "", "", *ours, "ours", method.source, ""])
        family_rows = sorted((row for row in rows if row["family"] == family), key=lambda row: -float(row["iou"]))
        for row in family_rows:
            keys = ("method", "backbone", "input", "iou", "f_score", "grade", "source", "note")
            lines.append([row[key] for key in keys])
        header = ["method", "backbone", "input", "IoU", "F", "grade", "source", "note"]
        tables.append(TextTable(f"Published: {title}", header, lines, _notes(table, setting)))
    return tables


def _notes(table: ComparisonTable, setting: ClipSetting) -> list[str]:
    notes = ["grade: " + "; ".join(f"{grade} {text}" for grade, text in GRADES.items())]
    clips = _TEST_CLIPS[setting.name]
    if (table.split, len(table.entries)) != ("test", clips):
        split_text = f"the {table.split} split of {table.data} with {len(table.entries)} clips"
        notes.append(
            f"NOT COMPARABLE: published numbers are of the {clips} test clips of AVSBench, ours of {split_text}"
        )
    return notes


def _read() -> list[dict[str, str]]:
    text = files("avseg.comparison").joinpath("published.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
