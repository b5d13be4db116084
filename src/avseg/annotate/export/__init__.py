"""Export an annotated video to a folder that appears all at once and contains `provenance.json`.

Masks are read frame by frame, so the memory does not grow with the video.
"""

from collections.abc import Callable
from importlib import import_module
from inspect import signature
from pathlib import Path

from avseg.annotate.document.document import Document
from avseg.annotate.export.folder import export_folder
from avseg.annotate.export.provenance import write_provenance
from avseg.annotate.export.source import REJECTED, ExportSource
from avseg.annotate.media.video import VideoReader
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError, nearest

# modules of this package, imported on demand: those of data sets import torch
_MODULES = {"lu_avs": "lu_avs", "avsbench": "avsbench", "coco": "coco", "png": "png", "csv": "csv_table", "eaf": "eaf"}
FORMATS = tuple(_MODULES)

_WITHOUT_MASKS = ("csv", "eaf")

__all__ = ["FORMATS", "export", "missing_masks"]


def missing_masks(document: Document, format: str) -> str:
    """Report sounding frames without a mask and stale masks; "" without any, and for formats without masks."""
    frames, masks, stale = 0, 0, 0
    for segment in document.snapshot()["segments"]:
        if segment["status"] != REJECTED:
            frames += segment["end"] - segment["start"]
            masks += segment["masks"]
            stale += segment["stale"]
    if format in _WITHOUT_MASKS:
        return ""
    remarks = []
    if masks < frames:
        remarks.append(f"{frames - masks} of {frames} frames have no mask yet")
    if stale:
        remarks.append(f"{stale} mask{'s are' if stale > 1 else ' is'} stale")
    return ", ".join(remarks)


def export(
    document: Document,
    video: VideoReader,
    format: str,  # one of `FORMATS`
    out: Path | str,
    *,
    overwrite: bool = False,  # replace an earlier export of this video as soon as the new one is complete
    **options: object,  # of `write` of the format: split, setting, pictures
) -> Path:
    """Write the annotations of a video to a folder; rejected segments are left out and listed in `provenance.json`.

    Raises:
        UserError: unknown format or option, a folder that is not empty, nothing to export, a full disk.
    """
    check_choice("format", format, FORMATS)
    write: Callable[..., None] = import_module(f"{__name__}.{_MODULES[format]}").write
    allowed = list(signature(write).parameters)[2:]
    for name in options:
        if name not in allowed:
            choices = ", ".join(allowed) or "none"
            raise UserError(f"option '{name}' is unknown for {format}; allowed: {choices}{nearest(name, allowed)}")
    source, out = ExportSource(document, video), Path(out)
    try:
        with export_folder(out, overwrite, video.path) as folder:
            write(folder, source, **options)
            write_provenance(folder / "provenance.json", source, format)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{out}: cannot be written ({reason}); free disk space or fix the permissions") from None
    return out
