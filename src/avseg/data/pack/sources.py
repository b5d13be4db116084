"""The files that a pack was made from: their sizes and times tell whether it is still what they hold."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avseg.data.avsbench.dataset import AVSBenchDataset

MISSING = -1


def source_files(dataset: AVSBenchDataset) -> Iterator[Path]:
    """The class names (AVSS), then each clip's frames, masks, wav and log-mel file, whether they exist or not."""
    layout = dataset.layout
    if layout.label_file is not None:
        yield layout.label_file
    for entry in dataset.entries:
        yield from layout.frames(entry)
        yield from layout.masks(entry)
        yield layout.wav(entry)
        yield layout.log_mel(entry)


def states(dataset: AVSBenchDataset) -> npt.NDArray[np.int64]:
    """(files, 2): size in bytes and time of the last change in ns of each source file; `MISSING` where none is."""
    return np.array([_state(path) for path in source_files(dataset)], dtype="<i8")


def first_difference(
    dataset: AVSBenchDataset, before: npt.NDArray[np.int64], now: npt.NDArray[np.int64]
) -> tuple[Path, str] | None:
    """The first source file that is not as it was, and what happened to it; None when all are."""
    if len(before) != len(now):
        return dataset.layout.index_file, "names other files"
    changed = np.flatnonzero((before != now).any(axis=1))
    if not len(changed):
        return None
    place = int(changed[0])
    path = next(path for number, path in enumerate(source_files(dataset)) if number == place)
    if now[place, 0] == MISSING:
        return path, "is gone"
    return path, "is new" if before[place, 0] == MISSING else "has changed"


def sound_kinds(dataset: AVSBenchDataset, audio: str) -> list[str]:
    """Which sound file of each clip a choice of `audio` means, by the rule of `AVSBenchDataset`: wav or log_mel."""
    if audio != "auto":
        return [audio] * len(dataset)
    layout = dataset.layout
    return [
        "log_mel" if layout.log_mel(entry).is_file() and not layout.wav(entry).is_file() else "wav"
        for entry in dataset.entries
    ]


def _state(path: Path) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116  a data set has many files
    except OSError:
        return MISSING, MISSING
    return found.st_size, found.st_mtime_ns
