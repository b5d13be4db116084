"""The SHA-256 of fetched files, as seen the first time: `checksums.json` in the cache folder."""

import datetime
import json
import logging
from pathlib import Path
from typing import Any

from avseg.utils.cache import cache_folder
from avseg.utils.files import write_text
from avseg.utils.hashing import file_stamp
from avseg.weights.registry import PublishedFile

log = logging.getLogger("avseg")


def seen(record: PublishedFile) -> dict[str, Any]:
    """Return what is remembered about a fetched file: its SHA-256 ("sha256") and when it was seen first ("date")."""
    return dict(_read().get(record.name, {}))


def is_known(record: PublishedFile) -> bool:
    """True if the cached file has not changed, by size and time, since it was checked."""
    return seen(record).get("stamp") == list(file_stamp(record.path))


def remember(record: PublishedFile, digest: str) -> None:
    """Remember the SHA-256 of the cached file; warn if another one was seen first."""
    notes = _read()
    first = notes.get(record.name)
    if first is None:
        first = {"sha256": digest, "date": datetime.date.today().isoformat()}
    elif first["sha256"] != digest:
        log.warning(
            "%s: its SHA-256 is %s..., but %s... was seen first, on %s: its authors may have replaced the file",
            record.name, digest[:16], first["sha256"][:16], first["date"],
        )  # fmt: skip
    notes[record.name] = {**first, "stamp": list(file_stamp(record.path))}
    write_text(_file(), json.dumps(notes, indent=2) + "\n")


def _read() -> dict[str, dict[str, Any]]:
    try:
        notes: dict[str, dict[str, Any]] = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return notes


def _file() -> Path:
    return cache_folder() / "checksums.json"
