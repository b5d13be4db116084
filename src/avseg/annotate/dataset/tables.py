"""Tables about a project: what it has cost, how far two annotators agree, and how often the quality was right."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from avseg.annotate.dataset.agreement import SegmentAgreement, agreement
from avseg.annotate.document.document import Document
from avseg.annotate.document.work import Work
from avseg.annotate.project import Project
from avseg.annotate.quality.decisions import Decision, decisions_of, quality_rows
from avseg.utils.errors import UserError
from avseg.utils.names import printable

SHARED = "shared"  # annotations without an annotator of their own

Row = dict[str, object]


def cost_table(project: Project) -> list[Row]:
    """Return a row per video and annotator: objects, segments, inputs, clicks, seconds, and seconds per segment."""
    rows: list[Row] = []
    for name in project.names():
        for annotator in (None, *project.annotators()):
            document = _read(project, name, annotator)
            if document is None:
                continue
            for person, work in sorted(document.work.items()):
                if work == Work():  # results of propagations have no person
                    continue
                row = {"video": printable(name), "annotation": annotator or SHARED, "annotator": person or "-"}
                segments = max(work.segments, 1)
                seconds = {"seconds": round(work.seconds, 1), "seconds_per_segment": round(work.seconds / segments, 1)}
                rows.append({**row, **asdict(work), **seconds})
    return rows


def quality_table(project: Project) -> list[Row]:
    """Count what all annotators accepted and repaired, by whether the quality had marked the frame."""
    decisions: list[Decision] = []
    for name in project.names():
        for annotator in (None, *project.annotators()):
            document = _read(project, name, annotator)
            if document is not None:
                decisions += decisions_of(document)
    return quality_rows(decisions)


def agreement_table(project: Project, first: str, second: str) -> list[SegmentAgreement]:
    """Compare two annotators on all videos that both have annotated.

    Raises:
        UserError: an unknown annotator, or no video of both.
    """
    annotators = [SHARED, *project.annotators()]
    for name in (first, second):
        if name not in annotators:
            raise UserError(f"annotator '{name}' has no annotation here; there are {', '.join(annotators)}")
    rows: list[SegmentAgreement] = []
    for name in project.names():
        documents = [_read(project, name, None if person == SHARED else person) for person in (first, second)]
        if documents[0] is not None and documents[1] is not None:
            rows += agreement(printable(name), documents[0], documents[1])
    if not rows:
        raise UserError(f"{first} and {second} have no segment in the same video")
    return rows


def summary_line(rows: Sequence[SegmentAgreement]) -> str:
    """Summarise an agreement in one line."""
    ious = [row.iou for row in rows if row.iou is not None]
    tiou = sum(row.tiou for row in rows) / len(rows)
    masks = f"IoU {sum(ious) / len(ious):.3f}" if ious else "no common masks"
    third = sum(row.third_look for row in rows)
    return f"{len(rows)} segments: tIoU {tiou:.3f}, {masks}, {third} for a third look"


def agreement_rows(rows: Sequence[SegmentAgreement]) -> list[Row]:
    """Convert an agreement to plain rows."""
    return [{**asdict(row), "third_look": row.third_look} for row in rows]


def to_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Write rows as csv with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _read(project: Project, name: str, annotator: str | None) -> Document | None:
    try:
        return project.read(name, annotator)
    except UserError:  # a damaged journal: the list says so
        return None
