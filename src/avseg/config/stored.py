"""Keep composed configurations on disk: Hydra takes 0.05 to 0.1 s for each, and a table has dozens."""

import contextlib
import json
import shutil
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import cast

from avseg.config.paths import conf_folders
from avseg.config.schema import Plain
from avseg.utils.cache import cache_folder
from avseg.utils.files import write_text
from avseg.utils.hashing import file_digest, file_stamp, json_digest

# all are forgotten when there are more, which is some MB
_MAX_FILES = 2000
# raised when a composition changes for equal files and overrides
_FORMAT = 1


class StoredComposition:
    """The plain values of one composition, named by the digest of all that they depend on.

    Args:
        name: the yaml file at the top, `train` or `evaluate`.
        overrides: as Hydra gets them.
    """

    def __init__(self, name: str, overrides: Sequence[str]) -> None:
        self.folder = cache_folder() / "configurations"
        self.path = self.folder / f"{json_digest([_FORMAT, name, list(overrides), _digest_of_yaml()])}.json"

    def read(self) -> dict[str, Plain] | None:
        """Return the values, or None if they are not stored."""
        try:
            return cast("dict[str, Plain]", json.loads(self.path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None

    def write(self, plain: dict[str, Plain]) -> None:
        """Store the values if JSON keeps them as they are; a folder that cannot be written is no error."""
        text = json.dumps(plain)
        if json.loads(text) != plain:
            return
        with contextlib.suppress(OSError):
            if self.folder.is_dir() and sum(1 for _ in self.folder.iterdir()) > _MAX_FILES:
                shutil.rmtree(self.folder)
            write_text(self.path, text)


def _digest_of_yaml() -> str:
    stamps = []
    for folder in conf_folders():
        for path in sorted(folder.rglob("*.yaml")):
            stamps.append((path, file_stamp(path)))
    return _digest_of_contents(tuple(stamps))


@lru_cache(maxsize=8)
def _digest_of_contents(stamps: tuple[tuple[Path, tuple[int, int]], ...]) -> str:
    # a package that is installed again has files of the same size, and maybe the same time
    return json_digest([[str(path), file_digest(path)] for path, _ in stamps])
