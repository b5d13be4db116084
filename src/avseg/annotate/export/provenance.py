"""Record the origin of every exported mask: segmenter, prompts, propagation or hand; accepted or not; time spent."""

import json
from pathlib import Path

from avseg import __version__
from avseg.annotate.export.source import ExportSource

_MASK_FIELDS = ("source", "accepted", "stale", "points", "box", "score", "terms", "from_frame")


def write_provenance(path: Path, source: ExportSource, format: str) -> None:
    """Write `provenance.json`: the video, objects and segments, and one line per mask."""
    video = source.video
    document: dict[str, object] = {**source.document.snapshot()}
    del document["frames"]  # as rows below
    head = {
        "format": format,
        "tool": f"avseg {__version__} annotate",
        "video": {
            "file": video.path.name,
            "bytes": video.path.stat().st_size,
            "frames": video.frames,
            "fps": video.fps,
            "height": video.height,
            "width": video.width,
        },
        "left_out": [segment.id for segment in source.rejected],
        "document": document,
    }
    with path.open("w", encoding="utf-8") as file:
        # the list of masks is written line by line, because it grows with the video
        file.write(json.dumps(head, indent=1, default=_plain)[:-2] + ',\n "masks": [')
        separator = "\n  "
        for frame in source.sounding_frames():
            for object_id in source.masked_objects(frame):
                file.write(separator + json.dumps(_mask_row(source, object_id, frame), default=_plain))
                separator = ",\n  "
        file.write("\n ]\n}\n")


def _mask_row(source: ExportSource, object_id: int, frame: int) -> dict[str, object]:
    info = source.document.frame_info(object_id, frame)
    row: dict[str, object] = {"object": object_id, "frame": frame}
    for name in _MASK_FIELDS:
        value = getattr(info, name)
        if value not in (None, (), [], {}):
            row[name] = value
    return row


def _plain(value: object) -> object:
    """Convert numpy values and sets."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return list(value) if isinstance(value, set | frozenset) else str(value)
