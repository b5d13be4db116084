"""Where things lie below the root of a LU-AVS download, whatever its archives were unpacked as."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from avseg.media.video import SUFFIXES
from avseg.utils.errors import UserError

JSON_NAME = re.compile(r"(seg|bbox_segs)_(train|val|test)\.json|unav100.*\.json")
_DEEPEST = 4  # folders below the root; segment folders hold nothing further


@dataclass(frozen=True)
class Places:
    """What was found below a root.

    Attributes:
        root: the folder.
        jsons: the annotation files, in order of their names.
        videos: video files by id, the file's name without its suffix.
        folders: segment folders by "{video}__{label}", then by (start, end).
    """

    root: Path
    jsons: list[Path] = field(default_factory=list)
    videos: dict[str, Path] = field(default_factory=dict)
    folders: dict[str, dict[tuple[int, int], Path]] = field(default_factory=dict)

    def folder(self, video: str, label: str, start: int, end: int) -> Path | None:
        """The folder of a segment; boundaries may differ by one frame. None where there is none."""
        found = self.folders.get(f"{video}__{label.replace(' ', '_')}", {})
        near = sorted((abs(s - start) + abs(e - end), s, e) for s, e in found if abs(s - start) <= 1 >= abs(e - end))
        return found[near[0][1:]] if near else None


def folder_name(video: str, label: str, start: int, end: int) -> str:
    """The name of a segment's folder: "{video}__{label, spaces as _}__st__{start}__et__{end}"."""
    return f"{video}__{label.replace(' ', '_')}__st__{start}__et__{end}"


def parse_folder_name(name: str) -> tuple[str, int, int] | None:
    """Takes a segment folder's name apart at its last marks: ids may hold `_`, `-`, even `__st__`.

    Returns:
        "{video}__{label}", start, end; None if it is no such name.
    """
    rest, mark, end = name.rpartition("__et__")
    stem, other, start = rest.rpartition("__st__")
    return (stem, int(start), int(end)) if mark and other and start.isdecimal() and end.isdecimal() else None


def find_places(root: Path) -> Places:
    """Looks through the folders below a root, four deep; each thing may lie anywhere.

    Of two files with one name the one nearer to the root counts, then the first by name.

    Raises:
        UserError: no such folder, or no annotation file in it.
    """
    if not root.is_dir():
        raise UserError(
            f"{root} is no folder; download LU-AVS there or run `avseg data toy --setting lu_avs --out {root}`"
        )
    places = Places(root)
    level = [root]
    for _ in range(_DEEPEST):
        level = [folder for parent in level for folder in _look(parent, places)]
    places.jsons.sort(key=lambda path: path.name)
    if not places.jsons:
        raise UserError(f"{root} holds no annotation file; expected seg_train.json, bbox_segs_train.json, ...")
    return places


def _look(parent: Path, places: Places) -> list[Path]:
    """Notes what lies in a folder; gives the folders to look into next."""
    deeper = []
    with os.scandir(parent) as entries:
        for entry in sorted(entries, key=lambda found: found.name):
            path = parent / entry.name
            if entry.is_dir():
                if parsed := parse_folder_name(entry.name):
                    places.folders.setdefault(parsed[0], {}).setdefault(parsed[1:], path)
                elif not entry.name.startswith("."):
                    deeper.append(path)
            elif JSON_NAME.fullmatch(entry.name):
                places.jsons.append(path)
            elif path.suffix.lower() in SUFFIXES:
                places.videos.setdefault(path.stem, path)
    return deeper
