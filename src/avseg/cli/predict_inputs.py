"""The inputs and the result folders of `avseg predict`."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table

from avseg.media.video import SUFFIXES, Video
from avseg.utils.errors import UserError


def find_videos(inputs: Sequence[Path], out: Path) -> list[Path]:
    """The files that are named, and the videos in the folders that are named, each once.

    Results of earlier predictions, under `out`, are no inputs.

    Raises:
        UserError: a folder holds no video.
    """
    found: dict[Path, Path] = {}
    for path in inputs:
        below = _videos_in(path, out.resolve()) if path.is_dir() else [path]
        if not below:
            raise UserError(f"{path}: no video in this folder; known are {', '.join(sorted(SUFFIXES))}")
        for video in below:
            found.setdefault(video.resolve(), video)
    return list(found.values())


def _videos_in(folder: Path, out: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not path.name.startswith(".")
        and (not path.resolve().is_relative_to(out) or folder.resolve().is_relative_to(out))
    )


def choose_folders(videos: Iterable[Path], out: Path) -> dict[Path, Path]:
    """A result folder for each video: its name without suffix, with a number if another video has that name.

    A folder that already holds the results of the same video is chosen again.

    Raises:
        UserError: a folder of that name holds something else than results.
    """
    chosen: dict[Path, Path] = {}
    taken: set[str] = set()
    for video in videos:
        number = 1
        while True:
            folder = out / (video.stem if number == 1 else f"{video.stem}-{number}")
            if folder.name.casefold() not in taken and _belongs(folder, video):
                break
            number += 1
        taken.add(folder.name.casefold())
        chosen[video] = folder
    return chosen


def has_results(folder: Path) -> bool:
    """Whether anything lies in the folder: results are written all or nothing."""
    return folder.exists() and any(folder.iterdir())


def _belongs(folder: Path, video: Path) -> bool:
    """Whether the folder is free or holds this video's results."""
    if not has_results(folder):
        return True
    try:
        source = json.loads((folder / "scores.json").read_text(encoding="utf-8"))["video"]["path"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{folder}: is there and holds no results of avseg predict; choose another --out") from None
    return bool(source == str(video.resolve()))


def summary_table(rows: Sequence[tuple[Video, Path, dict[str, float] | None]]) -> Table:
    """A row per video: how long it is, how much of it sounds, where the results lie."""
    table = Table(title="predicted")
    for name in ("video", "seconds", "sounding", "pixels marked", "results"):
        table.add_column(name, justify="left" if name in ("video", "results") else "right", overflow="fold")
    for video, folder, summary in rows:
        if summary is None:
            table.add_row(video.path.name, "", "", "", "failed")
        else:
            marked = f"{100 * summary['mask_share']:.1f} %"
            counts = (f"{summary['seconds']:.0f}", f"{summary['sounding']:.0f}")
            table.add_row(video.path.name, *counts, marked, str(folder))
    return table
