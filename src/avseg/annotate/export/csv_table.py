"""Segments as a csv table."""

import csv
from pathlib import Path

from avseg.annotate.export.source import Source

COLUMNS = ("video", "segment", "object", "label", "name", "start_frame", "end_frame", "start_s", "end_s", "status")


def write(folder: Path, source: Source) -> None:
    """Writes `{video}.csv`: a row for each segment; frames are half-open, seconds count from the first frame."""
    edges = source.film.index.edges()
    with (folder / f"{source.id}.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for segment in source.segments:
            item = source.objects[segment.object_id]
            times = [f"{edges[frame]:.6f}" for frame in (segment.start, segment.end)]
            about = [source.id, segment.id, segment.object_id, item.label, item.name]
            rows.writerow([*about, segment.start, segment.end, *times, segment.status])
