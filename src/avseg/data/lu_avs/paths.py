"""Locate the files below the root of a LU-AVS download, whatever folders its archives were unpacked to."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from avseg.media.video import SUFFIXES
from avseg.utils.errors import UserError

ANNOTATION_FILE = re.compile(r"(seg|bbox_segs)_(train|val|test)\.json|unav100.*\.json")
# of every file that numbers depend on
DATA_NAMES = rf"{ANNOTATION_FILE.pattern}|.*\.npy|.*({'|'.join(map(re.escape, sorted(SUFFIXES)))})"
_MAX_DEPTH = 4  # folders below the root; segment folders have no subfolders


@dataclass(frozen=True)
class ReleasePaths:
    """Files below a root."""

    root: Path
    annotation_files: list[Path] = field(default_factory=list)  # sorted by name
    videos: dict[str, Path] = field(default_factory=dict)  # video files by id, the file name without its suffix
    # by "{video}__{label}", then by (start, end)
    segment_folders: dict[str, dict[tuple[int, int], Path]] = field(default_factory=dict)

    def folder(self, video: str, label: str, start: int, end: int) -> Path | None:
        """Return the folder of a segment; its boundaries may differ by one frame. None if it does not exist."""
        folders = self.segment_folders.get(f"{video}__{label.replace(' ', '_')}", {})
        candidates: list[tuple[int, int, int]] = []
        for first, stop in folders:
            if abs(first - start) <= 1 and abs(stop - end) <= 1:
                candidates.append((abs(first - start) + abs(stop - end), first, stop))
        return folders[min(candidates)[1:]] if candidates else None


def folder_name(video: str, label: str, start: int, end: int) -> str:
    """Return the name of a segment folder: "{video}__{label, spaces as _}__st__{start}__et__{end}"."""
    return f"{video}__{label.replace(' ', '_')}__st__{start}__et__{end}"


def parse_folder_name(name: str) -> tuple[str, int, int] | None:
    """Split the name of a segment folder into "{video}__{label}", start and end; None for other folders.

    The last separators count, as ids may contain `_`, `-`, even `__st__`.
    """
    head, end_mark, end = name.rpartition("__et__")
    stem, start_mark, start = head.rpartition("__st__")
    if end_mark and start_mark and start.isdecimal() and end.isdecimal():
        return stem, int(start), int(end)
    return None


def find_paths(root: Path) -> ReleasePaths:
    """Search the folders below a root, four levels deep.

    Of two files with the same name the one nearer to the root is used, then the first in alphabetical order.

    Raises:
        UserError: the folder does not exist, or has no annotation file.
    """
    if not root.is_dir():
        text = f"{root} is not a folder; download LU-AVS there or run `avseg data toy --setting lu_avs --out {root}`"
        raise UserError(text)
    paths = ReleasePaths(root)
    level = [root]  # folders at the current depth
    for _ in range(_MAX_DEPTH):
        subfolders: list[Path] = []
        for folder in level:
            subfolders += _scan_folder(folder, paths)
        level = subfolders
    paths.annotation_files.sort(key=lambda path: path.name)
    if not paths.annotation_files:
        raise UserError(f"{root} has no annotation file; expected seg_train.json, bbox_segs_train.json, ...")
    return paths


def _scan_folder(folder: Path, paths: ReleasePaths) -> list[Path]:
    """Add the content of a folder to `paths`; return the subfolders to search."""
    subfolders = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):  # independent of the file system
            path = folder / entry.name
            if entry.is_dir():
                if parsed := parse_folder_name(entry.name):
                    paths.segment_folders.setdefault(parsed[0], {}).setdefault(parsed[1:], path)
                elif not entry.name.startswith("."):
                    subfolders.append(path)
            elif ANNOTATION_FILE.fullmatch(entry.name):
                paths.annotation_files.append(path)
            elif path.suffix.lower() in SUFFIXES:
                paths.videos.setdefault(path.stem, path)
    return subfolders
