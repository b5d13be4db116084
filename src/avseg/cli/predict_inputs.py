"""Input videos and result folders of `avseg predict`."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avseg.media.folder import search_folder
from avseg.media.video import SUFFIXES
from avseg.utils.errors import UserError
from avseg.utils.files import is_present
from avseg.utils.names import short_name


@dataclass(frozen=True)
class Inputs:
    """The inputs of a command line, with its folders searched."""

    videos: list[Path] = field(default_factory=list)  # each file once
    failures: dict[Path, str] = field(default_factory=dict)  # messages by what cannot be used
    others: list[Path] = field(default_factory=list)  # files in the folders that are not videos


def find_videos(paths: Sequence[Path], out: Path) -> Inputs:
    """List the given files and the videos in the given folders, each once.

    Results of earlier predictions, under `out`, are not inputs.
    """
    inputs = Inputs()
    real_paths: set[str] = set()  # real paths of the files
    for path in paths:
        files = [path]
        if not is_present(path):
            inputs.failures[path] = f"{path}: no such file or folder; name videos, or folders that hold some"
            continue
        if path.is_dir():
            content = search_folder(path, out)
            files = sorted(content.videos, key=Path.is_symlink)  # a file comes before the links to it
            inputs.failures.update({item: f"{item}: {reason}" for item, reason in content.unusable.items()})
            inputs.others.extend(content.others)
            if not files and not content.unusable:
                suffixes = ", ".join(sorted(SUFFIXES))
                inputs.failures[path] = f"{path}: no video in this folder; usual suffixes are {suffixes}"
        for file in files:
            real = os.path.realpath(file)  # also of a link to itself
            if real not in real_paths:
                real_paths.add(real)
                inputs.videos.append(file)
    return inputs


def choose_folders(videos: Iterable[Path], out: Path, failures: dict[Path, str]) -> dict[Path, Path]:
    """Choose a result folder for each video: its name without suffix, with a number if another video has that name.

    A folder with the results of the same video is chosen again; one with other content is added to `failures`.
    """
    folders: dict[Path, Path] = {}
    names: set[str] = set()  # case-folded: some file systems ignore case
    for video in videos:
        try:
            folder = _free_folder(video, out, names)
        except UserError as error:
            failures[video] = str(error)
            continue
        names.add(folder.name.casefold())
        folders[video] = folder
    return folders


def has_results(folder: Path) -> bool:
    """True if the folder contains anything, since results are written all or nothing."""
    return folder.exists() and any(folder.iterdir())


def _free_folder(video: Path, out: Path, names: set[str]) -> Path:
    folder = out / short_name(video.stem)
    number = 1
    while folder.name.casefold() in names or not _is_usable(folder, video):
        number += 1
        folder = out / short_name(video.stem, suffix=f"-{number}")
    return folder


def _is_usable(folder: Path, video: Path) -> bool:
    # an empty folder, or one with the results of this video
    if not has_results(folder):
        return True
    try:
        source = json.loads((folder / "scores.json").read_text(encoding="utf-8"))["video"]["path"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{folder}: exists and has no results of avseg predict; choose another --out") from None
    return bool(source == os.path.realpath(video))
