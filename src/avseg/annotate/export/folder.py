"""Write an export next to its destination and move it there when it is complete."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avseg.utils.errors import UserError
from avseg.utils.files import replace_folder


@contextmanager
def export_folder(out: Path, overwrite: bool, source: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; `out` does not change before it is complete.

    With `overwrite` an earlier export of the source, a video or a project's folder, is replaced, never anything else.

    Raises:
        UserError: `out` is a file, or is not empty and may not be replaced.
    """
    out = out.resolve()  # a link is followed, never replaced by a folder
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; name a folder for the export")
    if out.is_dir() and any(out.iterdir()):
        if not overwrite:
            raise UserError(f"{out} exists and is not empty; name another folder, or overwrite it (--overwrite)")
        _check_replaceable(out, source)
    with replace_folder(out) as folder:
        yield folder


def _check_replaceable(out: Path, source: Path) -> None:
    """Check that a folder is an export of the source, so that videos or a home folder are never deleted."""
    if source.resolve().is_relative_to(out):
        raise UserError(f"{out}: contains {source.name} itself and cannot be overwritten; name another folder")
    try:
        exported = json.loads((out / "provenance.json").read_text(encoding="utf-8"))["video"]["file"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{out}: is not an earlier export and cannot be overwritten; name another folder") from None
    if exported != source.name:
        raise UserError(f"{out}: contains the export of {exported}, not of {source.name}; name another folder")
