"""Imports of annotations into a document: they become operations, so that they can be undone like any other."""

from collections.abc import Callable
from pathlib import Path

from avseg.annotate.importing import avsbench, lu_avs
from avseg.annotate.importing.document_writer import Imported, Target, Writable
from avseg.annotate.media.video import Film
from avseg.utils.errors import UserError, nearest

READERS: dict[str, Callable[[Target, Path], None]] = {"lu_avs": lu_avs.read, "avsbench": avsbench.read}
FORMATS = tuple(READERS)

__all__ = ["FORMATS", "Imported", "import_"]


def import_(document: Writable, film: Film, format: str, source: Path | str) -> Imported:
    """Adds what a data set says of a video to its document; what is there already stays.

    Args:
        document: the annotations.
        film: the video; it is looked up by its file's name, without the suffix.
        format: "lu_avs" or "avsbench".
        source: the root of the data set.

    Returns:
        How much was added.

    Raises:
        UserError: an unknown format, no such folder, the video is not in it, or is another one; damaged files.
    """
    if format not in READERS:
        raise UserError(f"format '{format}' is unknown; allowed: {', '.join(FORMATS)}{nearest(format, FORMATS)}")
    target = Target(document, film)
    READERS[format](target, Path(source))
    return target.done
