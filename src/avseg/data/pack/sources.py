"""Detect changes of the files that a pack was built from, by their sizes and modification times."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.utils.hashing import file_stamp

MISSING = (-1, -1)  # stamp of a file that does not exist


def source_files(dataset: AVSBenchDataset) -> Iterator[Path]:
    """Yield the class names (AVSS) and each clip's frames, masks, wav and log-mel file, even if they do not exist."""
    layout = dataset.layout
    if layout.label_file is not None:
        yield layout.label_file
    for entry in dataset.entries:
        yield from layout.frames(entry)
        yield from layout.masks(entry)
        yield layout.wav(entry)
        yield layout.log_mel(entry)


def source_stamps(dataset: AVSBenchDataset) -> npt.NDArray[np.int64]:
    """Return (files, 2): size in bytes and modification time in ns of each source file."""
    stamps: list[tuple[int, int]] = []
    for path in source_files(dataset):
        try:
            stamps.append(file_stamp(path))
        except OSError:  # a log-mel file, say, which most sets lack
            stamps.append(MISSING)
    return np.array(stamps, dtype="<i8")


def first_difference(dataset: AVSBenchDataset, packed: npt.NDArray[np.int64], current: npt.NDArray[np.int64]) -> str:
    """Describe the first source file that has changed, such as "PATH is gone"; "" if none has."""
    if len(packed) != len(current):
        return f"{dataset.layout.index_file} names other files"
    for path, old, new in zip(source_files(dataset), packed.tolist(), current.tolist(), strict=True):
        if old != new:  # size or time
            if tuple(new) == MISSING:
                return f"{path} is gone"
            return f"{path} is new" if tuple(old) == MISSING else f"{path} has changed"
    return ""
