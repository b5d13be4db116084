"""Export segments as a csv table."""

import csv
from pathlib import Path

from avseg.annotate.export.source import ExportSource

COLUMNS = ("video", "segment", "object", "label", "name", "start_frame", "end_frame", "start_s", "end_s", "status")


def write(folder: Path, source: ExportSource) -> None:
    """Write `{video}.csv`: one row per segment; frames are half-open, seconds count from the first frame."""
    edges = source.video.index.edges()
    with (folder / f"{source.video_id}.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for segment in source.segments:
            item = source.objects[segment.object_id]
            start, end = segment.start, segment.end
            # edges has frames + 1 entries, so the end of the last segment has a time too
            seconds = f"{edges[start]:.6f}", f"{edges[end]:.6f}"
            names = source.video_id, segment.id, segment.object_id, item.label, item.name
            rows.writerow([*names, start, end, *seconds, segment.status])
