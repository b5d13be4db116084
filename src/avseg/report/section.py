"""A section of a report: pictures, a table, or one line that says why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avseg.tables.text import TextTable


@dataclass(frozen=True)
class Picture:
    """A PNG in the folder of the report."""

    path: Path
    description: str  # for readers who do not see it
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the report."""

    title: str
    text: str  # what it shows, or why there is nothing to show
    pictures: Sequence[Picture] = ()
    tables: Sequence[TextTable] = ()
    details: Sequence[tuple[str, str]] = field(default_factory=tuple)  # title and text of parts that unfold
