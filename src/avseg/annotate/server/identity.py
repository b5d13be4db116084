"""Token and port of the server of a project, kept for its next start: a page that is still open then goes on."""

import json
import os
import secrets
import stat
from pathlib import Path
from typing import NamedTuple

from avseg.annotate.homes import HOME, refuse_links
from avseg.utils.files import atomic_file

_FILE = "server.json"


class Identity(NamedTuple):
    """The token, and the port that was used last; 0 if there is none."""

    token: str
    port: int


def load_identity(folder: Path) -> Identity:
    """Return what the last server of a project's folder used, or a new token; only a private file is trusted."""
    path = folder / HOME / _FILE
    try:
        refuse_links(folder / HOME)
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            private = stat.S_IMODE(status.st_mode) & 0o077 == 0 and status.st_uid == os.getuid()
            content = json.load(file)
        if private and len(content["token"]) >= 32 and 0 <= content["port"] < 65536:
            return Identity(str(content["token"]), int(content["port"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return Identity(secrets.token_urlsafe(24), 0)  # 192 random bits


def save_identity(folder: Path, identity: Identity) -> None:
    """Keep token and port, readable by this user only."""
    with atomic_file(folder / HOME / _FILE) as path:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(identity._asdict(), file)
