"""Whether a video is still the file that was annotated: masks must never lie on other pictures."""

import hashlib
import json
from pathlib import Path

from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file

_ENDS = 2**20  # bytes read at either end: a whole film may have many GB


def check_same(path: Path, home: Path, begun: bool) -> None:
    """Compares a video with what is remembered of it, or remembers it.

    Args:
        path: the video.
        home: the folder of everything that is kept of it.
        begun: whether anything was annotated: before, the file may be replaced.

    Raises:
        UserError: it is another file.
    """
    now, kept = _fingerprint(path), home / "file.json"
    try:
        before = json.loads(kept.read_text())
    except (OSError, ValueError):
        before = None  # of an older version, or torn: nothing to compare with
    if before == now:
        return
    if before is not None and begun:
        raise UserError(f"{path}: is another file than the one that was annotated; put that one back, or remove {home}")
    with atomic_file(kept) as temporary:
        temporary.write_text(json.dumps(now) + "\n")


def _fingerprint(path: Path) -> dict[str, str | int]:
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(_ENDS))
        file.seek(max(size - _ENDS, 0))
        digest.update(file.read(_ENDS))
    return {"bytes": size, "sha256_of_ends": digest.hexdigest()}
