"""Atomic files and folders: nothing incomplete is ever visible under its final name."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from avseg.utils.names import short_name

_MAX_PREFIX = 180  # bytes; numbers, random letters and a suffix follow
_TEMPORARY = re.compile(r"\.(.+)\.\w{8}\.(?:part|old)", re.DOTALL)  # of a folder, as `tempfile` names it


def is_present(path: Path | str) -> bool:
    """True for a file, a folder or a link, even to nothing; False, too, for what is too long for a name."""
    return os.path.lexists(path)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path` that is renamed to it on success and removed on failure.

    The suffix is kept because image and video writers choose the format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # in the same folder, since a rename across file systems is not atomic
    temporary = path.with_name(f".{_prefix(path.stem)}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file atomically; stray bytes of file names become escapes, which JSON reads back."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder next to `path` that is renamed to it on success and removed on failure.

    An existing folder that is not empty is a `FileExistsError`.
    """
    if path.exists() and any(path.iterdir()):
        raise FileExistsError(f"{path} exists and is not empty")
    with _staging_folder(path) as temporary:
        yield temporary
        if path.exists():
            path.rmdir()  # fails if another process has filled it meanwhile
        temporary.rename(path)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of `path` on success; until then the old folder stays as it is.

    The folder need not exist. A symbolic link is followed: its target is replaced.
    """
    path = path.resolve()
    with _staging_folder(path) as temporary:
        yield temporary
        # a folder cannot be renamed onto another one that is not empty
        old = temporary.with_suffix(".old")
        if path.exists():
            path.rename(old)
        try:
            temporary.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
        shutil.rmtree(old, ignore_errors=True)


def remove_leftovers(folders: Iterable[Path]) -> None:
    """Remove what killed processes left while they wrote these folders; nobody may be writing them now."""
    names: dict[Path, set[str]] = {}  # by parent
    for folder in folders:
        names.setdefault(folder.parent, set()).add(_prefix(folder.name))
    for parent, prefixes in names.items():
        for path in list(parent.iterdir()) if parent.is_dir() else ():
            match = _TEMPORARY.fullmatch(path.name)
            if match and match[1] in prefixes:
                shutil.rmtree(path, ignore_errors=True)


def _prefix(name: str) -> str:
    """Shorten a name so that a temporary name made of it is not too long for the file system."""
    return short_name(name, _MAX_PREFIX)


@contextmanager
def _staging_folder(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{_prefix(path.name)}.", suffix=".part", dir=path.parent))
    try:
        temporary.chmod(0o755)  # mkdtemp creates it with 0o700
        yield temporary
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
