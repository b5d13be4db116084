"""Find files that do not belong to a data set: files missing from the index and leftovers of interrupted writers."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from avseg.data.avsbench.layout import Layout
from avseg.data.check.findings import Finding, relative
from avseg.data.setting import ClipEntry

# names of files and folders being written by avseg.utils.files: .name.12345.part.png, .name.k3j9x2ab.part
LEFTOVER = re.compile(r"\..+\.\w+\.part(\.\w+)?")
_JUNK = re.compile(r"\.DS_Store|Thumbs\.db|desktop\.ini|\._.*|@eaDir|__MACOSX")
_FIX = "add it to the index, or remove it"


@dataclass
class _Listed:
    """Paths that the index accounts for."""

    files: set[Path] = field(default_factory=set)  # every file of every clip
    folders: set[Path] = field(default_factory=set)  # all parents of these files
    open_folders: set[Path] = field(default_factory=set)  # folders that may hold further files


def find_unknown(layout: Layout, entries: Iterable[ClipEntry], *, more_frames: bool = False) -> Iterator[Finding]:
    """Yield files and whole folders that the index does not list.

    AVSS clip folders contain files that are never read (`labels_semantic` and the like): there only the folders of
    frames and masks are searched. With `more_frames` clips may have more frames than are read (prepared sets).
    """
    listed = _Listed()
    for entry in entries:
        frames = layout.frames(entry)
        wav = layout.wav(entry)
        listed.files.update([wav, layout.log_mel(entry), *frames, *layout.masks(entry)])
        if layout.setting.semantic:
            listed.open_folders.add(wav.parent)
        elif more_frames:
            listed.open_folders.add(frames[0].parent)
    for file in listed.files:
        if file.parent not in listed.folders:  # otherwise all its parents are in the set already
            listed.folders.update(file.parents)
    for folder in layout.data_folders():
        if folder.is_dir():
            yield from _search(folder, layout.root, listed)


def _search(folder: Path, root: Path, listed: _Listed) -> Iterator[Finding]:
    with os.scandir(folder) as iterator:
        entries = sorted(iterator, key=lambda entry: entry.name)
    for entry in entries:
        path = folder / entry.name
        if _JUNK.fullmatch(entry.name) or LEFTOVER.fullmatch(entry.name):
            continue
        if entry.is_dir() and path in listed.folders:
            yield from _search(path, root, listed)
        # an unknown folder is one finding, whatever it contains
        elif path not in listed.files and folder not in listed.open_folders:
            text = "a folder that no row of the index names" if entry.is_dir() else "no row of the index names it"
            yield Finding("unknown", relative(path, root), text, _FIX)


def find_leftovers(root: Path) -> Iterator[Finding]:
    """Yield temporary files and folders of `avseg.utils.files` anywhere below the root."""
    for parent, folders, files in os.walk(root):
        for name in sorted(filter(LEFTOVER.fullmatch, files)):
            text = "half written by a process that was interrupted"
            fix = "`avseg data check --fix` removes it if its writer has ended"
            yield Finding("leftover", relative(Path(parent, name), root), text, fix)
        for name in sorted(filter(LEFTOVER.fullmatch, folders)):
            folders.remove(name)  # os.walk does not descend into it
            text = "a folder half written by a process that was interrupted"
            yield Finding("leftover", relative(Path(parent, name), root), text, "remove it if nothing writes to it")
        folders.sort()
