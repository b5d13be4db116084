"""Import annotations of data sets into a document, as operations that can be undone."""

from importlib import import_module
from pathlib import Path

from avseg.annotate.document.document import Document
from avseg.annotate.importing.document_writer import DocumentWriter, Imported
from avseg.annotate.media.video import VideoReader
from avseg.utils.choices import check_choice

# modules of this package, imported on demand: they import torch
FORMATS = ("lu_avs", "avsbench")

__all__ = ["FORMATS", "Imported", "import_"]


def import_(document: Document, video: VideoReader, format: str, source: Path | str) -> Imported:
    """Add the annotations that a data set, "lu_avs" or "avsbench", has for a video; existing ones stay.

    `source` is the root of the data set, which is searched for the video's file name without suffix.

    Raises:
        UserError: unknown format, no such folder, the video is missing in it or another one; damaged files.
    """
    check_choice("format", format, FORMATS)
    writer = DocumentWriter(document, video)
    import_module(f"{__name__}.{format}").read(writer, Path(source))
    return writer.imported
