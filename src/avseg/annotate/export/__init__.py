"""Exports of an annotated video; each is a folder that appears all at once, with `provenance.json` in it.

Masks are read from the document frame by frame: the memory does not grow with the video.
"""

from collections.abc import Callable
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from avseg.annotate.export.folder import fresh_folder
from avseg.annotate.export.provenance import write_provenance
from avseg.annotate.export.source import REJECTED, Annotated, Source
from avseg.annotate.media.video import Film
from avseg.utils.errors import UserError, nearest

# the module of each format, imported when it is asked for: those of data sets bring torch with them
MODULES = {"lu_avs": "lu_avs", "avsbench": "avsbench", "coco": "coco", "png": "png", "csv": "csv_table", "eaf": "eaf"}
FORMATS = tuple(MODULES)

_WITHOUT_MASKS = ("csv", "eaf")

__all__ = ["FORMATS", "Annotated", "export", "gaps"]


def gaps(document: Annotated, format: str) -> str:
    """What an export lacks: the frames in which an object sounds but has no mask, where the format has masks.

    Returns:
        "39 of 117 frames have no mask yet", or nothing.
    """
    kept = [one for one in document.snapshot()["segments"] if one["status"] != REJECTED]
    frames = sum(one["end"] - one["start"] for one in kept)
    missing = frames - sum(one["masks"] for one in kept)
    return f"{missing} of {frames} frames have no mask yet" if missing and format not in _WITHOUT_MASKS else ""


def export(
    document: Annotated, film: Film, format: str, out: Path | str, *, overwrite: bool = False, **options: Any
) -> Path:
    """Writes the annotations of a video; rejected segments are left out, and named in `provenance.json`.

    Args:
        document: the annotations.
        film: the video.
        format: "lu_avs", "avsbench", "coco", "png", "csv" or "eaf"; see the modules of those names ("csv": `table`).
        out: the folder to write.
        overwrite: replace an earlier export of this video, once the new one is complete.
        options: of the format: `split` ("lu_avs", "avsbench"), `setting` ("avsbench"), `pictures` ("coco", "png").

    Returns:
        The folder.

    Raises:
        UserError: an unknown format or option, a folder that is not empty, nothing to export, a full disk.
    """
    if format not in MODULES:
        raise UserError(f"format '{format}' is unknown; allowed: {', '.join(FORMATS)}{nearest(format, FORMATS)}")
    write: Callable[..., None] = import_module(f"{__name__}.{MODULES[format]}").write
    allowed = list(signature(write).parameters)[2:]
    for name in options:
        if name not in allowed:
            raise UserError(
                f"option '{name}' is unknown for {format}; allowed: {', '.join(allowed) or 'none'}"
                f"{nearest(name, allowed)}"
            )
    source, out = Source(document, film), Path(out)
    try:
        with fresh_folder(out, overwrite, film.path) as folder:
            write(folder, source, **options)
            write_provenance(folder / "provenance.json", source, format)
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror or error}); make room or give rights") from None
    return out
