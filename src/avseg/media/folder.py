"""Search a folder for videos: its content decides, endings only save the look."""

import mimetypes
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from avseg.media.container import PLAYLISTS, animation_obstacle, open_video, video_stream
from avseg.media.video import SUFFIXES
from avseg.utils.errors import UserError


@dataclass(frozen=True)
class FolderContent:
    """The files below a folder, without hidden ones, sorted by path."""

    # with the ending of a video, or with a video track; a dangling link or a damaged file fails when it is opened
    videos: list[Path] = field(default_factory=list)
    unusable: dict[Path, str] = field(default_factory=dict)  # what may hold videos but cannot be opened: the reason
    others: list[Path] = field(default_factory=list)  # sounds, images, texts, ...


def search_folder(folder: Path, out: Path) -> FolderContent:
    """List the content of a folder and its subfolders, except for results in `out`."""
    content = FolderContent()
    # a folder inside of `out` is searched: the user asks for the results themselves
    results = None if _is_inside(folder, out) else out
    for path in sorted(_visible_entries(folder, content.unusable)):
        if results is not None and _is_inside(path, results):
            continue
        if path.is_dir():  # a link: real folders are searched
            content.unusable[path] = "is a link to a folder, which is not searched; name the folder itself"
        elif path.suffix.lower() in SUFFIXES:
            content.videos.append(path)
        elif path.is_symlink() and not path.exists():  # dangling: its ending is all there is
            media_type = mimetypes.guess_type(path.name)[0] or "video"
            (content.videos if media_type.startswith("video") else content.others).append(path)
        else:
            _look_inside(path, content)
    return content


def _visible_entries(folder: Path, unusable: dict[Path, str]) -> Iterator[Path]:
    """Yield files and links; a folder that cannot be listed is added to `unusable`."""

    def add_error(error: OSError) -> None:
        unusable[Path(os.fsdecode(error.filename))] = f"is a folder that cannot be listed ({error.strerror})"

    for parent, subfolders, files in os.walk(folder, onerror=add_error):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        links = [name for name in subfolders if Path(parent, name).is_symlink()]
        for name in (*files, *links):
            if not name.startswith("."):
                yield Path(parent, name)


def _look_inside(path: Path, content: FolderContent) -> None:
    """Decide by its content what a file with the ending of no video is."""
    try:
        is_video = has_video_track(path)
        obstacle = animation_obstacle(path) if path.is_file() else ""
    except OSError as error:
        content.unusable[path] = f"cannot be read ({error.strerror})"
        return
    if obstacle:
        content.unusable[path] = obstacle
        return
    (content.videos if is_video else content.others).append(path)


def has_video_track(path: Path) -> bool:
    """True if a file holds a video, whatever its name; raises `OSError` if it cannot be read.

    A playlist holds none: the files that it names are searched by themselves.
    """
    if not path.is_file():  # a pipe would wait for a writer
        return False
    path.open("rb").close()
    try:
        with open_video(path) as container:
            video_stream(container, path)
            return PLAYLISTS.isdisjoint(container.format.name.split(","))
    except UserError:
        return False


def _is_inside(path: Path, folder: Path) -> bool:
    # unlike Path.resolve, realpath accepts a link to itself
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
