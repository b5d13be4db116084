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
from avseg.utils.hashing import file_stamp, json_digest

# all are forgotten when there are more, which is some MB
_MAX_FILES = 2000
# raised when a composition changes for equal files and overrides
_FORMAT = 1
# OmegaConf's resolvers of the environment, and Hydra's of the time: another process may get other values
_OUTSIDE = ("${oc.env", "${now:", "${hydra:")


class StoredComposition:
    """The plain values of one composition, named by the digest of all that they depend on.

    A composition that reads the environment or the time is never stored.

    Args:
        name: the yaml file at the top, `train` or `evaluate`.
        overrides: as Hydra gets them.
    """

    def __init__(self, name: str, overrides: Sequence[str]) -> None:
        digest, self.fixed = _describe_yaml()
        self.fixed = self.fixed and not _reads_outside("".join(overrides))
        self.folder = cache_folder() / "configurations"
        self.path = self.folder / f"{json_digest([_FORMAT, name, list(overrides), digest])}.json"

    def read(self) -> dict[str, Plain] | None:
        """Return the values, or None if they are not stored."""
        if not self.fixed:
            return None
        try:
            return cast("dict[str, Plain]", json.loads(self.path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None

    def write(self, plain: dict[str, Plain]) -> None:
        """Store the values if JSON keeps them as they are; a folder that cannot be written is not an error."""
        text = json.dumps(plain)
        if not self.fixed or json.loads(text) != plain:
            return
        with contextlib.suppress(OSError):
            if self.folder.is_dir() and sum(1 for _ in self.folder.iterdir()) > _MAX_FILES:
                shutil.rmtree(self.folder)
            write_text(self.path, text)


def _reads_outside(text: str) -> bool:
    return any(resolver in text for resolver in _OUTSIDE)


def _describe_yaml() -> tuple[str, bool]:
    """Return the digest of all yaml files, and False if one of them reads the environment or the time."""
    stamps = []
    for folder in conf_folders():
        for path in sorted(folder.rglob("*.yaml")):
            stamps.append((path, file_stamp(path)))
    return _describe_contents(tuple(stamps))


@lru_cache(maxsize=8)
def _describe_contents(stamps: tuple[tuple[Path, tuple[int, int]], ...]) -> tuple[str, bool]:
    # a package that is installed again has files of the same size, and maybe the same time
    texts = {str(path): path.read_text(encoding="utf-8", errors="replace") for path, _ in stamps}
    return json_digest(texts), not any(map(_reads_outside, texts.values()))
