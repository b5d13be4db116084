"""Identity of a video file: masks must not be applied to another video of the same name."""

import json
from pathlib import Path

from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file
from avseg.utils.hashing import ends_digest

_RECORD = "file.json"


def check_same_video(path: Path, home: Path, has_annotation: bool) -> None:
    """Compare a video with the identity recorded in `home`, or record it; it may change until something is annotated.

    Raises:
        UserError: the file is another one than the annotated one.
    """
    identity = {"bytes": path.stat().st_size, "sha256_of_ends": ends_digest(path)}
    record = home / _RECORD
    recorded = _read(record)
    if recorded == identity:
        return
    if recorded is not None and has_annotation:
        raise UserError(f"{path}: is not the file that was annotated; put that one back, or remove {home}")
    with atomic_file(record) as temporary:
        temporary.write_text(json.dumps(identity) + "\n")


def is_same_video(path: Path, home: Path) -> bool:
    """True if a video is the one whose identity is recorded in `home`; files of another size are not read."""
    recorded = _read(home / _RECORD)
    if not isinstance(recorded, dict) or recorded.get("bytes") != path.stat().st_size:
        return False
    return bool(recorded.get("sha256_of_ends") == ends_digest(path))


def _read(record: Path) -> object:
    try:
        return json.loads(record.read_text())
    except (OSError, ValueError):
        return None  # of an older version, or torn: nothing to compare with
