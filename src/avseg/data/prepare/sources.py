"""Which raw videos there are, and what their clips are called."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from avseg.data.avsbench.layout import ClipEntry, Layout
from avseg.media.container import open_video, video_stream
from avseg.media.video import SUFFIXES
from avseg.utils.errors import UserError

_LONGEST = 180  # bytes; file systems take 255, and numbers and suffixes follow


@dataclass(frozen=True)
class Source:
    """A raw video.

    Attributes:
        file: its path below the folder of raw videos, with "/"; of a missing one where it should lie.
        path: where it lies; None if it is missing.
        entry: the clip that it is; of own videos the one whose name begins all their clips' names.
    """

    file: str
    path: Path | None
    entry: ClipEntry

    @property
    def key(self) -> str:
        """What tells it from all others, as a relative path."""
        return "/".join(part for part in (self.entry.split, self.entry.category, self.entry.name) if part)


def own_sources(folder: Path, split: str, out: Path) -> list[Source]:
    """All videos below a folder, of any container that FFmpeg reads; hidden files and what is made in `out` are none.

    A file with a video's suffix counts even if it cannot be read (it will be reported), another one if it has a video
    track. Names are the paths without suffix, their folders joined by "__".

    Raises:
        UserError: no such folder, no video in it, or two videos that would get one name.
    """
    _check_folder(folder)
    files = [path for path in _files(folder, out) if path.suffix.lower() in SUFFIXES or _has_video(path)]
    if not files:
        raise UserError(f"{folder}: no video in this folder; known are {', '.join(sorted(SUFFIXES))}")
    relative = [path.relative_to(folder) for path in files]
    names = _names(relative)
    return [
        Source(_printable(short.as_posix()), path, ClipEntry(name, "", split))
        for short, path, name in zip(relative, files, names, strict=True)
    ]


def benchmark_sources(folder: Path, layout: Layout, entries: Iterable[ClipEntry]) -> list[Source]:
    """The raw video of each clip of an index file, lying by split and category or all in one folder.

    Args:
        folder: holds them, or holds `raw_videos` or the release's own folders around it.
        layout: of the setting.
        entries: the rows of the index.

    Raises:
        UserError: no such folder, or a clip whose name is no file name.
    """
    _check_folder(folder)
    base = _raw_folder(folder, layout)
    found = {_stem(path.relative_to(base)): path for path in _videos(base)}
    sources = []
    for entry in entries:
        _check_names(entry, layout)
        nested = "/".join(part for part in (entry.split, entry.category, entry.name) if part)
        path = found.get(nested, found.get(entry.name))
        where = path.relative_to(folder) if path else (base / f"{entry.name}.mp4").relative_to(folder)
        sources.append(Source(where.as_posix(), path, entry))
    return sources


def find_index(folder: Path, layout: Layout) -> Path:
    """The index file of a setting in the folder of raw videos or in one of the two above it.

    Raises:
        UserError: it is not there.
    """
    inner = (folder / name for name in layout.release_folders)
    for place in (folder, *inner, *list(folder.resolve().parents)[:2]):
        if (place / layout.index_name).is_file():
            return place / layout.index_name
    raise UserError(f"no {layout.index_name} in {folder} nor above it; name the official index with --index")


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise UserError(f"{folder} {what}; name the folder that holds the videos")


def _files(folder: Path, out: Path) -> Iterator[Path]:
    made = None if folder.resolve().is_relative_to(out.resolve()) else out.resolve()
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        there = path.is_file() and not (made and path.resolve().is_relative_to(made))
        if not hidden and (there or _leads_nowhere(path)):
            yield path


def _leads_nowhere(path: Path) -> bool:
    """Whether it is a link to what is not there: a video that must be reported, not passed over."""
    return path.is_symlink() and not path.exists()


def _has_video(path: Path) -> bool:
    try:
        with open_video(path) as container:
            video_stream(container, path)
            return True
    except (UserError, OSError):
        return False


def _names(files: list[Path]) -> list[str]:
    """Without suffix; those that would be equal keep it."""
    plain = [_clean(_stem(file)) for file in files]
    count = Counter(name.casefold() for name in plain)
    full = [
        _clean(file.as_posix()) if count[name.casefold()] > 1 else name for name, file in zip(plain, files, strict=True)
    ]
    seen: dict[str, Path] = {}
    for name, file in zip(full, files, strict=True):
        if name.casefold() in seen:
            raise UserError(f"{seen[name.casefold()]} and {file} would both be called '{name}'; rename one of them")
        seen[name.casefold()] = file
    return full


def _clean(path: str) -> str:
    """A name that the index, which is a csv of stripped values, and every file system can hold."""
    name = re.sub(r"[\s\\:*?\"<>|,]+", "_", _printable(path).replace("/", "__"))
    if len(name.encode()) <= _LONGEST:
        return name
    return name.encode()[: _LONGEST - 9].decode(errors="ignore") + "-" + sha256(name.encode()).hexdigest()[:8]


def _printable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()


def _stem(path: Path) -> str:
    return PurePosixPath(path).with_suffix("").as_posix()


def _raw_folder(folder: Path, layout: Layout) -> Path:
    data = f"{layout.setting}_data/raw_videos"
    for below in ("raw_videos", data, *(f"{name}/{data}" for name in layout.release_folders)):
        if (folder / below).is_dir():
            return folder / below
    return folder


def _videos(base: Path) -> list[Path]:
    """mp4 last, so that it is preferred where a clip has several files."""
    found = [path for path in base.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    return sorted(found, key=lambda path: (path.suffix.lower() == ".mp4", path))


def _check_names(entry: ClipEntry, layout: Layout) -> None:
    for name in (entry.name, entry.category):
        if "/" in name or "\\" in name or name in (".", ".."):
            raise UserError(f"{layout.index_name} has a clip '{name}', which is no file name; correct the row")
