"""Reports of `avseg predict` about all videos, whichever jobs predicted them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from avseg.cli.console_table import new_table, print_table
from avseg.cli.predict_video import VideoReport
from avseg.utils.errors import UserError
from avseg.utils.files import write_text
from avseg.utils.names import printable

_MAX_NAMES = 5  # of files that are not videos, in the message
_MAX_REASONS = 3  # in one line; more are a list


def print_kept(reports: Sequence[VideoReport]) -> None:
    """Print the videos whose results exist already."""
    for report in reports:
        if report.kept:
            print(f"{report.video}: results exist already ({report.folder}); --overwrite predicts again")


def print_notes(report: VideoReport) -> None:
    """Print the notes about a video."""
    for note in report.notes:
        print(f"{report.video}: {note}")


def print_predictions(reports: Sequence[VideoReport]) -> None:
    """Print a table of the predicted videos, if there are any."""
    predicted = [report for report in reports if report.summary]
    if not predicted:
        return
    counts = ("pixels marked",) if "mask_share" in predicted[0].summary else ("segments", "classes")
    titles = ("video", "seconds", "sounding", *counts, "results")
    table = new_table("predicted", titles, ("video", "results"), overflow="fold")
    for report in predicted:
        name = escape(Path(report.video).name)  # brackets in names are not markup
        table.add_row(name, *_cells(report.summary), escape(report.folder))
    print_table(table)


def print_others(others: Sequence[Path]) -> None:
    """Print the files in the searched folders that are not videos."""
    if others:
        names = ", ".join(path.name for path in others[:_MAX_NAMES])
        omitted = f" and {len(others) - _MAX_NAMES} more" if len(others) > _MAX_NAMES else ""
        print(printable(f"not videos: {names}{omitted}"))


def raise_failures(reports: Sequence[VideoReport]) -> None:
    """Raise a `UserError` if videos failed; many reasons are printed before."""
    messages = [report.failure for report in reports if report.failure]
    if not messages:
        return
    if len(reports) == 1:
        raise UserError(messages[0])
    count = f"{len(messages)} of {len(reports)} videos failed"
    if len(messages) <= _MAX_REASONS:
        raise UserError(f"{count}: {'; '.join(messages)}")
    for message in messages:
        print(f"failed: {message}")
    raise UserError(f"{count}; the reasons are listed above")


def write_json(path: Path, reports: Sequence[VideoReport]) -> None:
    """Write the reports of all videos."""
    write_text(path, json.dumps({"videos": list(map(asdict, reports))}, indent=2) + "\n")


def _cells(summary: Mapping[str, float]) -> list[str]:
    cells = [f"{summary['seconds']:.0f}", f"{summary['sounding']:.0f}"]
    if "mask_share" in summary:
        return [*cells, f"{100 * summary['mask_share']:.1f} %"]
    return [*cells, f"{summary['segments']:.0f}", f"{summary['classes']:.0f}"]
