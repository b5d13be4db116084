"""Input videos and result folders of `avseg predict`."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from avseg.media.video import SUFFIXES
from avseg.utils.errors import UserError


def find_videos(inputs: Sequence[Path], out: Path) -> list[Path]:
    """List the given files and the videos in the given folders, each once; a folder without video is a `UserError`.

    Results of earlier predictions, under `out`, are not inputs.
    """
    videos: dict[Path, Path] = {}  # by resolved path
    for path in inputs:
        files = _videos_in(path, out.resolve()) if path.is_dir() else [path]
        if not files:
            raise UserError(f"{path}: no video in this folder; supported are {', '.join(sorted(SUFFIXES))}")
        for file in files:
            videos.setdefault(file.resolve(), file)
    return list(videos.values())


def _videos_in(folder: Path, out: Path) -> list[Path]:
    inside_out = folder.resolve().is_relative_to(out)  # the user asks for the results themselves
    videos = []
    for path in folder.rglob("*"):
        is_video = path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
        if is_video and (inside_out or not path.resolve().is_relative_to(out)):
            videos.append(path)
    return sorted(videos)


def choose_folders(videos: Iterable[Path], out: Path) -> dict[Path, Path]:
    """Choose a result folder for each video: its name without suffix, with a number if another video has that name.

    A folder with the results of the same video is chosen again; one with other content is a `UserError`.
    """
    folders: dict[Path, Path] = {}
    names: set[str] = set()  # case-folded: some file systems ignore case
    for video in videos:
        folder = out / video.stem
        number = 1
        while folder.name.casefold() in names or not _is_usable(folder, video):
            number += 1
            folder = out / f"{video.stem}-{number}"
        names.add(folder.name.casefold())
        folders[video] = folder
    return folders


def has_results(folder: Path) -> bool:
    """True if the folder contains anything, since results are written all or nothing."""
    return folder.exists() and any(folder.iterdir())


def _is_usable(folder: Path, video: Path) -> bool:
    # an empty folder, or one with the results of this video
    if not has_results(folder):
        return True
    try:
        source = json.loads((folder / "scores.json").read_text(encoding="utf-8"))["video"]["path"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{folder}: exists and has no results of avseg predict; choose another --out") from None
    return bool(source == str(video.resolve()))
