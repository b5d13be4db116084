"""Fetch published weights into the cache folder, and remember the SHA-256 that was seen first.

A file appears under its name only after all checks. What a cut connection leaves is kept in the folder `.partial`, and
continued by the next call; a file that fails a check is removed.
"""

import logging
import shutil
from pathlib import Path

from filelock import FileLock

from avseg.utils.cache import cache_folder
from avseg.utils.errors import UserError
from avseg.utils.hashing import file_digest
from avseg.weights.checksums import is_known, remember
from avseg.weights.download import download
from avseg.weights.registry import PublishedFile, published
from avseg.weights.verify import check_content, check_download

log = logging.getLogger("avseg")


def fetch(record: PublishedFile, *, again: bool = False) -> Path:
    """Return the checked file (of a repository: folder) in the cache; download it if it is not there, or `again`.

    Raises:
        UserError: it cannot be downloaded, or fails a check; the cache is left as it was.
    """
    if record.fetched and not again and not record.hub_files and is_known(record):
        return record.path
    staging = cache_folder() / ".partial" / record.name
    staging.mkdir(parents=True, exist_ok=True)
    # of several processes one downloads, the others wait
    with FileLock(staging.with_suffix(".lock")):
        try:
            if record.fetched and not again:
                _check_cached(record)
            else:
                log.info("%s: fetching about %d MB from %s", record.name, record.megabytes, record.link)
                _replace(record, staging / record.path.name)
        finally:
            if not any(staging.iterdir()):
                staging.rmdir()
    return record.path


def local_weights(name_or_path: str | Path) -> str | Path:
    """Fetch published weights that are given by name; return a path, and any other text, as it is."""
    record = published().get(str(name_or_path))
    return name_or_path if record is None or Path(name_or_path).exists() else fetch(record)


def _replace(record: PublishedFile, target: Path) -> None:
    download(record, target)
    if record.hub_files:
        _check_folder(record, target)
        shutil.rmtree(record.path, ignore_errors=True)
        target.rename(record.path)
        return
    try:
        digest = check_download(record, target)
    except UserError:
        target.unlink()
        raise
    target.replace(record.path)
    remember(record, digest)


def _check_cached(record: PublishedFile) -> None:
    """Check what the user put into the cache, or what changed since."""
    if record.hub_files:
        _check_folder(record, record.path)
        return
    check_content(record, record.path)
    digest = file_digest(record.path)
    if not digest.startswith(record.sha256.lower()):
        log.warning(
            "%s: the SHA-256 of %s is %s..., that of its authors' file %s...",
            record.name, record.path, digest[:16], record.sha256[:16],
        )  # fmt: skip
    remember(record, digest)


def _check_folder(record: PublishedFile, folder: Path) -> None:
    missing = [name for name in record.hub_files if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{record.name}: {folder} lacks {', '.join(missing)}; get it from {record.link}")
    if record.key_list is not None:
        check_content(record, folder / record.weights.name)
