"""The field's published numbers, `experiments/published/avs.csv`: one row per method, configuration and metric family.

A family is how a score is averaged: "per-frame" is the official J and F of AVSBench (AVSS: per class over frames),
"whole-set" one confusion matrix over the split (CAVP, DDESeg), "long-video" m_vIoU and m_vF of LU-AVS. The same weights
differ by 17 points between the first two, so they never share a table. Importing this module imports no torch.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from avseg.config.paths import experiments_folder
from avseg.utils.errors import UserError


@dataclass(frozen=True)
class Family:
    """The averaging of a score, and the keys of J and F of a run in the registry of metrics; "" for none."""

    title: str
    j: str = ""
    f: str = ""


FAMILIES = {
    "per-frame": Family("J and F averaged over frames, as by AVSBench's own code", "miou", "fscore"),
    "whole-set": Family(
        "IoU and F of the whole split, background a class (CAVP, DDESeg)", "dataset_iou", "dataset_fscore"
    ),
    "long-video": Family("J is m_vIoU, F is m_vF, over predicted and true spans", "m_vIoU", "m_vF"),
    "unclear": Family("family not stated: compare with no other number"),
}
SETTINGS = {
    "s4": "S4 (single source)",
    "ms3": "MS3 (multiple sources)",
    "avss": "AVSS (71 classes)",
    "lu_avs": "LU-AVS",
}
GRADES = {
    "A": "the method's own repository or paper",
    "B": "another author's table",
    "C": "secondary notes, a lead only",
    "D": "abstract of the paper",
    "U": "from memory of the paper, or a user's result",
}
UNVERIFIED = ("C", "U")
UNVERIFIED_MARK = "†"
SELECTIONS = ("val", "test", "")


@dataclass(frozen=True)
class PublishedNumber:
    """One row of the file; numbers as they are printed there, in per cent, empty where they are not published."""

    method: str
    venue: str
    code: str  # owner/name at GitHub; empty if none is known
    backbone: str
    input: str  # pixels of a side
    setting: str
    family: str
    j: str
    f: str
    j_and_f: str  # only where J and F alone are not published
    videos_per_group: str  # of F: its maximum over thresholds is taken per group; empty if not known
    selection: str  # split on which the checkpoint was chosen; empty if not known
    seeds: str  # number of trainings behind a mean; empty if not stated
    grade: str
    source: str
    note: str

    @property
    def verified(self) -> bool:
        """False for a number that only secondary notes or memory support."""
        return self.grade not in UNVERIFIED

    @classmethod
    def columns(cls) -> list[str]:
        """Return the column names of the file."""
        return [field.name for field in fields(cls)]

    @property
    def rank(self) -> tuple[bool, float]:
        """Sort key: by J, then those that publish only J&F, the best first."""
        return not self.j, -float(self.j or self.j_and_f)


def read_published(path: Path | None = None) -> list[PublishedNumber]:
    """Read the rows, by default those that are shipped; a mistake in the file is a `UserError`."""
    path = path or experiments_folder() / "published" / "avs.csv"
    columns = PublishedNumber.columns()
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != columns:
            raise UserError(f"{path}: the columns must be {','.join(columns)}")
        numbers = []
        for line, row in enumerate(reader, 2):
            if None in row or None in row.values():
                raise UserError(f"{path}:{line}: {len(columns)} cells are needed; quote a text with a comma")
            numbers.append(PublishedNumber(**row))
            _check(f"{path}:{line}", numbers[-1])
    return numbers


def select(
    numbers: Sequence[PublishedNumber], setting: str, family: str, grades: Sequence[str] = tuple(GRADES)
) -> list[PublishedNumber]:
    """Return the rows of one setting and family, the best first."""
    rows = [row for row in numbers if (row.setting, row.family) == (setting, family) and row.grade in grades]
    return sorted(rows, key=lambda row: row.rank)


def _check(where: str, row: PublishedNumber) -> None:
    for name, allowed in (
        ("setting", tuple(SETTINGS)),
        ("family", tuple(FAMILIES)),
        ("grade", tuple(GRADES)),
        ("selection", SELECTIONS),
    ):
        value = getattr(row, name)
        if value not in allowed:
            raise UserError(f"{where}: {name} is '{value}'; allowed: {', '.join(filter(None, allowed))}")
    for name in ("method", "venue", "source"):
        if not getattr(row, name):
            raise UserError(f"{where}: {name} is empty")
    for name in ("input", "videos_per_group", "seeds"):
        value = getattr(row, name)
        if value and not value.isdecimal():
            raise UserError(f"{where}: {name} is '{value}'; a whole number, or nothing, is needed")
    if not (row.j or row.j_and_f):
        raise UserError(f"{where}: j or j_and_f is needed")
    for name in ("j", "f", "j_and_f"):
        value = getattr(row, name)
        if value and not _is_percentage(value):
            raise UserError(f"{where}: {name} is '{value}'; a number in per cent is needed, between 0 and 100")


def _is_percentage(text: str) -> bool:
    try:
        return 0 < float(text) < 100
    except ValueError:
        return False
