"""Where every exported mask comes from: segmenter, prompts, propagation, hand; accepted or not; time spent."""

import json
from pathlib import Path
from typing import Any

from avseg import __version__
from avseg.annotate.export.source import Source

INFO = ("source", "accepted", "stale", "points", "box", "score", "terms", "from_frame")


def write_provenance(path: Path, source: Source, format: str) -> None:
    """Writes `provenance.json`: the video, objects and segments, and a line for each mask.

    Args:
        path: of the file.
        source: what was exported.
        format: how.
    """
    film = source.film
    head = {
        "format": format,
        "tool": f"avseg {__version__} annotate",
        "video": {
            "file": film.path.name,
            "bytes": film.path.stat().st_size,
            "frames": film.frames,
            "fps": film.fps,
            "height": film.height,
            "width": film.width,
        },
        "left_out": [segment.id for segment in source.left_out],
        "document": {key: value for key, value in source.document.snapshot().items() if key != "frames"},
    }
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, indent=1, default=_plain)[:-2] + ',\n "masks": [')
        between = "\n  "
        for frame in source.frames():
            for object in source.marked(frame):
                row = {"object": object, "frame": frame, **_info(source, object, frame)}
                file.write(between + json.dumps(row, default=_plain))
                between = ",\n  "
        file.write("\n ]\n}\n")


def _info(source: Source, object: int, frame: int) -> dict[str, Any]:
    info = source.document.frame_info(object, frame)
    return {name: getattr(info, name) for name in INFO if getattr(info, name, None) not in (None, (), [], {})}


def _plain(value: Any) -> Any:
    """Values of numpy, and sets."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return list(value) if isinstance(value, set | frozenset) else str(value)
