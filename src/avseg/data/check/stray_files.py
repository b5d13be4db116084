"""Files that do not belong: those that the index does not know, and what interrupted writers left."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from avseg.data.avsbench.layout import AVSSLayout, ClipEntry, Layout
from avseg.data.check.findings import Finding, relative

# how avseg.utils.files names what is being written: .name.12345.part.png, .name.k3j9x2ab.part
LEFTOVER = re.compile(r"\..+\.\w+\.part(\.\w+)?")
_JUNK = re.compile(r"\.DS_Store|Thumbs\.db|desktop\.ini|\._.*|@eaDir|__MACOSX")
_UNKNOWN = "add it to the index, or remove it"


def data_folders(layout: Layout) -> list[Path]:
    """The folders that hold nothing but files which the index names."""
    if isinstance(layout, AVSSLayout):
        return [layout.root / subset for subset in layout.lengths]
    kinds = ("visual_frames", "gt_masks", "audio_wav", "audio_log_mel")
    return [layout.root / f"{layout.setting}_data" / kind for kind in kinds]


def find_unknown(layout: Layout, entries: Iterable[ClipEntry], *, more_frames: bool = False) -> Iterator[Finding]:
    """Files and whole folders that the index does not name.

    The clip folders of AVSS hold more than is read (`labels_semantic` and the like): only their frames and masks count.

    Args:
        layout: where.
        entries: all rows of the index.
        more_frames: prepared clips may have more frames than are read.
    """
    files: set[Path] = set()
    own: set[Path] = set()
    for entry in entries:
        paths = [layout.wav(entry), layout.log_mel(entry)]
        frames = layout.frames(entry)
        if isinstance(layout, AVSSLayout):
            own.add(paths[0].parent)
        elif more_frames:
            own.add(frames[0].parent)
        files.update(paths + frames + layout.masks(entry))
    folders = {parent for file in {path.parent for path in files} for parent in (file, *file.parents)}
    for folder in data_folders(layout):
        if folder.is_dir():
            yield from _look(folder, layout.root, files, folders, own)


def _look(folder: Path, root: Path, files: set[Path], folders: set[Path], own: set[Path]) -> Iterator[Finding]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = folder / entry.name
        if _JUNK.fullmatch(entry.name) or LEFTOVER.fullmatch(entry.name):
            continue
        if entry.is_dir() and path in folders:
            yield from _look(path, root, files, folders, own)
        elif path not in files and folder not in own:
            what = "a folder that no row of the index names" if entry.is_dir() else "no row of the index names it"
            yield Finding("unknown", relative(path, root), what, _UNKNOWN)


def find_leftovers(root: Path) -> Iterator[Finding]:
    """What `avseg.utils.files` was writing when it was interrupted, anywhere below the root."""
    for folder, folders, files in os.walk(root):
        parts = [name for name in folders if LEFTOVER.fullmatch(name)]
        folders[:] = sorted(set(folders) - set(parts))
        for name in sorted(name for name in files if LEFTOVER.fullmatch(name)):
            text = "half written by a process that was stopped"
            mend = "`avseg data check --fix` removes it if its writer is gone"
            yield Finding("leftover", relative(Path(folder) / name, root), text, mend)
        for name in sorted(parts):
            text = "a folder half written by a process that was stopped"
            yield Finding("leftover", relative(Path(folder) / name, root), text, "remove it if nothing writes there")
