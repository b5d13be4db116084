"""Find the raw videos and name their clips."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from avseg.data.avsbench.layout import Layout
from avseg.data.setting import ClipEntry
from avseg.media.folder import has_video_track, search_folder
from avseg.media.video import SUFFIXES
from avseg.utils.errors import UserError
from avseg.utils.names import printable

_MAX_NAME = 180  # bytes; file systems allow 255, and numbers and suffixes are appended


@dataclass(frozen=True)
class RawVideo:
    """A raw video."""

    file: str  # path below the folder of raw videos, with "/"; of a missing video the expected one
    path: Path | None  # the file; None if it is missing
    entry: ClipEntry  # its clip; for own videos the names of all clips begin with the name of this one
    problem: str = ""  # why it cannot be opened; "" if that is not known yet

    @property
    def key(self) -> str:
        """Unique relative path."""
        return "/".join(filter(None, (self.entry.split, self.entry.category, self.entry.name)))


def find_own_videos(folder: Path, split: str, out: Path) -> list[RawVideo]:
    """Return all videos below a folder, in any container that FFmpeg reads, without hidden files and files in `out`.

    What might be a video but cannot be read counts (it will be reported), see `FolderContent`. Names are the paths
    without suffix, with folders joined by "__".

    Raises:
        UserError: unknown folder, no videos, or two videos that would have the same name.
    """
    _check_folder(folder)
    content = search_folder(folder, out)
    paths = sorted([*content.videos, *content.unusable])
    if not paths:
        raise UserError(f"{folder}: no video in this folder; known suffixes: {', '.join(sorted(SUFFIXES))}")
    files = [path.relative_to(folder) for path in paths]
    videos: list[RawVideo] = []
    for path, file, name in zip(paths, files, _unique_names(files), strict=True):
        entry = ClipEntry(name, "", split)
        videos.append(RawVideo(printable(file.as_posix()), path, entry, content.unusable.get(path, "")))
    return videos


def find_benchmark_videos(folder: Path, layout: Layout, entries: Iterable[ClipEntry]) -> list[RawVideo]:
    """Return the raw video of each clip of an index, found by split and category or all in one folder.

    The folder is that of the videos, or one that holds `raw_videos` or the release's own folders around it.

    Raises:
        UserError: unknown folder, or a clip whose name is not a file name.
    """
    _check_folder(folder)
    base = _raw_folder(folder, layout)
    paths: dict[str, Path] = {}  # by relative path without suffix
    others: dict[str, Path] = {}  # with the ending of no video
    # mp4 last, so that it is preferred if a clip has several files
    for path in sorted(base.rglob("*"), key=lambda path: (path.suffix.lower() == ".mp4", path)):
        if path.is_file():
            group = paths if path.suffix.lower() in SUFFIXES else others
            group[_stem(path.relative_to(base))] = path
    videos: list[RawVideo] = []
    for entry in entries:
        _check_names(entry, layout)
        expected = base / f"{entry.name}.mp4"  # named in the report if it is missing
        video = RawVideo(expected.relative_to(folder).as_posix(), None, entry)
        existing = paths.get(video.key, paths.get(entry.name))
        if existing is None:  # its content decides
            candidate = others.get(video.key, others.get(entry.name))
            existing = candidate if candidate is not None and has_video_track(candidate) else None
        if existing is not None:
            video = RawVideo(existing.relative_to(folder).as_posix(), existing, entry)
        videos.append(video)
    return videos


def find_index(folder: Path, layout: Layout) -> Path:
    """Return the index file in the folder of raw videos or up to two above it; raises `UserError` if there is none."""
    releases = (folder / name for name in layout.release_folders)
    for parent in (folder, *releases, *list(folder.resolve().parents)[:2]):
        if (parent / layout.index_name).is_file():
            return parent / layout.index_name
    raise UserError(f"no {layout.index_name} in {folder} nor above it; name the official index with --index")


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "does not exist"
        raise UserError(f"{folder} {problem}; name the folder that holds the videos")


def _unique_names(files: list[Path]) -> list[str]:
    """Return a name for each file: without suffix, unless two names would then be equal."""
    stems = [_clip_name(_stem(file)) for file in files]  # "a.mp4" and "a.webm" have the same
    counts = Counter(map(str.casefold, stems))
    names: dict[str, Path] = {}  # casefolded, since file systems may ignore case
    unique: list[str] = []
    for file, stem in zip(files, stems, strict=True):
        name = _clip_name(file.as_posix()) if counts[stem.casefold()] > 1 else stem
        same = names.setdefault(name.casefold(), file)
        if same != file:
            raise UserError(f"{same} and {file} would both be called '{name}'; rename one of them")
        unique.append(name)
    return unique


def _clip_name(path: str) -> str:
    """Return a name that is valid in the index, a csv of stripped values, and in every file system."""
    # white space and commas for the csv, the others for Windows file systems
    name = re.sub(r"[\s\\:*?\"<>|,]+", "_", _printable(path).replace("/", "__"))
    if len(name.encode()) <= _MAX_NAME:
        return name
    # the digest keeps long names with the same beginning apart
    return name.encode()[: _MAX_NAME - 9].decode(errors="ignore") + "-" + sha256(name.encode()).hexdigest()[:8]


def _printable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()  # file names need not be valid UTF-8


def _stem(path: Path) -> str:
    return PurePosixPath(path).with_suffix("").as_posix()


def _raw_folder(folder: Path, layout: Layout) -> Path:
    data = f"{layout.setting}_data/raw_videos"
    for name in ("raw_videos", data, *(f"{release}/{data}" for release in layout.release_folders)):
        if (folder / name).is_dir():
            return folder / name
    return folder


def _check_names(entry: ClipEntry, layout: Layout) -> None:
    for name in (entry.name, entry.category):
        if "/" in name or "\\" in name or name in (".", ".."):
            raise UserError(f"{layout.index_name} has a clip '{name}', which is not a file name; correct the row")
