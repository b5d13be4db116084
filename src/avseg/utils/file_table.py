"""A table of files with their stamps and digests: whether a data set has changed, in tenths of a second.

A stamp (size, time of modification and of change) says that a file is the same without reading it; where it differs,
the digest of the content decides. Digests of large sets are kept in the cache folder, so that a set is read once.
"""

import gzip
import hashlib
import json
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from avseg.utils.cache import cache_folder
from avseg.utils.files import atomic_file

Stamp = tuple[int, int, int]  # size in bytes, times of modification and of status change in ns
MISSING: Stamp = (-1, 0, 0)
NOT_HIDDEN = r"[^.].*"

_THREADS = 8
_WORTH_CACHING = 64 << 20  # bytes


@dataclass(frozen=True)
class FileTable:
    """Files by their path below a folder, in a fixed order; a file that does not exist has the stamp `MISSING`."""

    paths: list[str] = field(default_factory=list)
    stamps: list[Stamp] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)  # 16 hexadecimal digits; empty for a missing file

    @classmethod
    def of(cls, root: Path, paths: Sequence[str]) -> "FileTable":
        """Read the stamps of files and the digests that are not in the cache."""
        stamps = read_stamps(root, paths)
        return cls(list(paths), stamps, read_digests(root, paths, stamps))

    @classmethod
    def load(cls, values: dict[str, list[object]]) -> "FileTable":
        """Build the table from what `asdict` made of it."""
        return cls(values["paths"], list(map(tuple, values["stamps"])), values["digests"])  # type: ignore

    @property
    def content(self) -> str:
        """16 hexadecimal digits that identify paths and contents."""
        rows = zip(self.paths, self.digests, strict=True)
        text = "".join(f"{path}:{digest}\n" for path, digest in rows)
        return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]

    def changes(self, root: Path, *, fully: bool = False) -> "Changes":
        """Compare with the files as they are now; `fully` reads every file, whatever its stamp."""
        stamps = read_stamps(root, self.paths)
        suspects: list[int] = []
        if fully or stamps != self.stamps:
            for position, (old, new) in enumerate(zip(self.stamps, stamps, strict=True)):
                if old != new or (fully and new != MISSING):
                    suspects.append(position)
        changed, added, removed = [], [], []
        readable = []
        for position in suspects:
            if stamps[position] == MISSING:
                removed.append(self.paths[position])
            elif self.stamps[position] == MISSING:
                added.append(self.paths[position])
            elif stamps[position][0] != self.stamps[position][0]:
                changed.append(self.paths[position])
            else:
                readable.append(position)
        names = [self.paths[position] for position in readable]
        new_stamps = [stamps[position] for position in readable]
        for position, digest in zip(readable, read_digests(root, names, new_stamps, cached=not fully), strict=True):
            if digest != self.digests[position]:
                changed.append(self.paths[position])
        return Changes(changed, added, removed)


@dataclass(frozen=True)
class Changes:
    """The files that differ from a table."""

    changed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def describe(self) -> str:
        """Name the first file and the number of others: "2 files changed (a/b.png, ...), 1 added (c)"; "" for none."""
        sentences = []
        for verb in ("changed", "added", "removed"):
            if paths := getattr(self, verb):
                ellipsis = ", ..." if len(paths) > 1 else ""
                sentences.append(f"{len(paths)} file{'s' if len(paths) > 1 else ''} {verb} ({paths[0]}{ellipsis})")
        return ", ".join(sentences)


def read_stamps(root: Path, paths: Sequence[str]) -> list[Stamp]:
    """Read the stamp of each file below a folder."""
    stat = os.stat
    # a data set has many files, and Path is slower; paths of weights are as given, absolute or not
    prefix = "" if root == Path() else os.path.join(root, "")  # noqa: PTH118
    stamps: list[Stamp] = []
    for path in paths:
        try:
            status = stat(prefix + path)
            stamps.append((status.st_size, status.st_mtime_ns, status.st_ctime_ns))
        except OSError:
            stamps.append(MISSING)
    return stamps


def read_digests(root: Path, paths: Sequence[str], stamps: Sequence[Stamp], *, cached: bool = True) -> list[str]:
    """Compute the digest of each file that has a stamp, in several threads; from the cache where the stamp is there."""
    if not paths:
        return []
    size = sum(stamp[0] for stamp in stamps)
    cache_file = cache_folder() / "fingerprints" / f"{_short(os.fsencode(root.resolve()))}.json.gz"
    cached_rows: dict[str, list[object]] = _read(cache_file) if cached and size >= _WORTH_CACHING else {}
    digests = [""] * len(paths)
    todo: list[int] = []
    for position, (path, stamp) in enumerate(zip(paths, stamps, strict=True)):
        entry = cached_rows.get(path)
        if stamp == MISSING:
            continue
        if entry and entry[:3] == list(stamp):
            digests[position] = str(entry[3])
        else:
            todo.append(position)
    with ThreadPoolExecutor(_THREADS) as pool:
        new = pool.map(_digest, [root / paths[position] for position in todo])
        for position, digest in zip(todo, new, strict=True):
            digests[position] = digest
    if todo and size >= _WORTH_CACHING:
        for position in todo:
            cached_rows[paths[position]] = [*stamps[position], digests[position]]
        with suppress(OSError), atomic_file(cache_file) as temporary:
            write_gzip(temporary, cached_rows)
    return digests


def walk_files(root: Path, names: str = NOT_HIDDEN) -> list[str]:
    """List the files below a folder whose name matches a pattern, as sorted relative paths; links are followed."""
    matches = re.compile(names).fullmatch
    files: list[str] = []
    folders = [""]
    top = root.stat()
    visited = {(top.st_dev, top.st_ino)}  # with linked folders, which may form a circle
    while folders:
        folder = folders.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = f"{folder}{entry.name}"
                if not entry.is_dir():
                    if matches(entry.name) and entry.is_file():
                        files.append(path)
                    continue
                if entry.is_symlink():
                    status = entry.stat()
                    if (status.st_dev, status.st_ino) in visited:
                        continue
                    visited.add((status.st_dev, status.st_ino))
                folders.append(f"{path}/")
    return sorted(files)


def write_gzip(path: Path, values: object) -> None:
    """Write a compressed json file."""
    path.write_bytes(gzip.compress(json.dumps(values, separators=(",", ":")).encode(), compresslevel=1))


def table_values(table: FileTable) -> dict[str, object]:
    """The plain values of a table."""
    return asdict(table)


def _read(path: Path) -> dict[str, list[object]]:
    try:
        values = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, ValueError, EOFError):
        return {}
    return values if isinstance(values, dict) else {}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
