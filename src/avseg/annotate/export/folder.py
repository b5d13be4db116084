"""A folder that is written beside its place and takes it when it is complete."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avseg.utils.errors import UserError
from avseg.utils.files import atomic_folder


@contextmanager
def fresh_folder(out: Path, overwrite: bool, video: Path) -> Iterator[Path]:
    """Gives an empty folder to fill; nothing is seen at `out` before it is full.

    Args:
        out: where it goes.
        overwrite: an earlier export of the video gives way, but nothing else ever; without it `out` must be empty or
            not there.
        video: that is exported.

    Raises:
        UserError: `out` is a file, or holds something and may not be replaced.
    """
    out = out.resolve()  # `.` has no name to write beside, and a link is not to be replaced by a folder
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; name a folder for the export")
    if not (out.is_dir() and any(out.iterdir())):
        with atomic_folder(out) as folder:
            yield folder
        return
    if not overwrite:
        raise UserError(f"{out} exists and is not empty; name another folder, or overwrite it (--overwrite)")
    _check_replaceable(out, video)
    fresh, old = out.with_name(f".{out.name}.new"), out.with_name(f".{out.name}.old")
    shutil.rmtree(fresh, ignore_errors=True)  # of an attempt that was killed
    with atomic_folder(fresh) as folder:
        yield folder
    shutil.rmtree(old, ignore_errors=True)
    out.rename(old)
    fresh.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _check_replaceable(out: Path, video: Path) -> None:
    """What goes when a folder is overwritten must have come from here: never videos, annotations or a home folder."""
    if video.resolve().is_relative_to(out):
        raise UserError(f"{out}: holds {video.name} itself and cannot be overwritten; name another folder")
    try:
        exported = json.loads((out / "provenance.json").read_text(encoding="utf-8"))["video"]["file"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{out}: is no earlier export and cannot be overwritten; name another folder") from None
    if exported != video.name:
        raise UserError(f"{out}: holds the export of {exported}, not of {video.name}; name another folder")
