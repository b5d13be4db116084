"""A folder that is written beside its place and takes it when it is complete."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avseg.errors import UserError
from avseg.files import atomic_folder


@contextmanager
def fresh_folder(out: Path, overwrite: bool) -> Iterator[Path]:
    """Gives an empty folder to fill; nothing is seen at `out` before it is full.

    Args:
        out: where it goes.
        overwrite: what is there gives way, but only then; else it must be empty or not there.

    Raises:
        UserError: `out` is a file, or holds something and may not be replaced.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; name a folder for the export")
    if not (out.is_dir() and any(out.iterdir())):
        with atomic_folder(out) as folder:
            yield folder
        return
    if not overwrite:
        raise UserError(f"{out} exists and is not empty; name another folder, or ask to overwrite it")
    fresh, old = out.with_name(f".{out.name}.new"), out.with_name(f".{out.name}.old")
    shutil.rmtree(fresh, ignore_errors=True)  # of an attempt that was killed
    with atomic_folder(fresh) as folder:
        yield folder
    shutil.rmtree(old, ignore_errors=True)
    out.rename(old)
    fresh.rename(out)
    shutil.rmtree(old, ignore_errors=True)
