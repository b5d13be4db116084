"""The SHA-256 of fetched files, as seen the first time: `checksums.json` in the cache folder."""

import datetime
import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from avseg.utils.cache import cache_folder
from avseg.utils.files import write_text
from avseg.utils.hashing import file_stamp
from avseg.weights.registry import PublishedFile

log = logging.getLogger("avseg")


@dataclass(frozen=True)
class FirstSeen:
    """The SHA-256 that a file had when it was fetched first, and the stamp of the copy that was checked last."""

    sha256: str
    date: str  # of the first fetch, ISO 8601
    stamp: tuple[int, ...]  # size and time, see `file_stamp`


def first_seen(record: PublishedFile) -> FirstSeen | None:
    """Return the note of a fetched file; None if it was never fetched."""
    return _read().get(record.name)


def is_known(record: PublishedFile) -> bool:
    """True if the cached file has not changed, by size and time, since it was checked."""
    note = first_seen(record)
    return note is not None and note.stamp == file_stamp(record.path)


def remember(record: PublishedFile, digest: str) -> None:
    """Remember the SHA-256 of the cached file; warn if another one was seen first."""
    notes = _read()
    stamp = file_stamp(record.path)
    first = notes.get(record.name)
    if first is None:
        first = FirstSeen(digest, datetime.date.today().isoformat(), stamp)
    elif first.sha256 != digest:
        log.warning(
            "%s: its SHA-256 is %s..., but %s... was seen first, on %s: its authors may have replaced the file",
            record.name, digest[:16], first.sha256[:16], first.date,
        )  # fmt: skip
    notes[record.name] = replace(first, stamp=stamp)
    write_text(_file(), json.dumps({name: asdict(note) for name, note in notes.items()}, indent=2) + "\n")


def _read() -> dict[str, FirstSeen]:
    try:
        values = json.loads(_file().read_text(encoding="utf-8"))
        return {name: FirstSeen(note["sha256"], note["date"], tuple(note["stamp"])) for name, note in values.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # never fetched, or a damaged file


def _file() -> Path:
    return cache_folder() / "checksums.json"
