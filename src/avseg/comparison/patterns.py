"""File name patterns of mask folders: the one that fits, and the files it names."""

import os
from collections.abc import Sequence
from pathlib import Path

from avseg.comparison.mask_files import SUFFIXES
from avseg.data.setting import ClipEntry
from avseg.utils.errors import UserError

FIELDS = "{name}, {category}, {split}, {subset}, {number} (of the frame, from 1) and {index} (from 0)"
# without the suffix; those of AVSBench's masks, of its test scripts, and of `avseg predict`
_STEMS = (
    "{split}/{category}/{name}/{name}_{number}",
    "{split}/{category}/{name}/{name}_{index}",
    "{split}/{name}/{name}_{number}",
    "{split}/{name}/{name}_{index}",
    "{category}/{name}/{name}_{number}",
    "{category}/{name}/{name}_{index}",
    "{name}/{name}_{number}",
    "{name}/{name}_{index}",
    "{name}/{name}.mp4_{number}",
    "{name}/{number}",
    "{name}/{index}",
    "{name}/masks/{index:06d}",
    "{name}_{number}",
    "{name}_{index}",
    "{split}/{category}/{name}",
    "{split}/{name}",
    "{category}/{name}",
    "{name}",
)
_PREFIXES = ("", "gt_masks/", "masks/", "s4_data/gt_masks/", "ms3_data/gt_masks/")


def mask_files(root: Path) -> set[str]:
    """Return the paths of all possible masks below a folder, relative to it."""
    files = set()
    for parent, folders, names in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = Path(parent).relative_to(root).as_posix()
        for name in names:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                files.add(name if below == "." else f"{below}/{name}")
    return files


def per_clip(pattern: str) -> bool:
    """True if a file of the pattern holds all frames of a clip."""
    return "{number" not in pattern and "{index" not in pattern


def fill(pattern: str, entry: ClipEntry, split: str, frames: int) -> list[str]:
    """Return the paths of the masks of a clip's first `frames` frames.

    Raises:
        UserError: the pattern names an unknown field.

    Example:
        >>> fill("{name}/{name}_{number}.png", ClipEntry("dog"), "test", 2)
        ['dog/dog_1.png', 'dog/dog_2.png']
    """
    values = {"name": entry.name, "category": entry.category, "split": split, "subset": entry.subset}
    try:
        return [pattern.format(**values, number=index + 1, index=index) for index in range(frames)]
    except (KeyError, IndexError, ValueError) as error:
        raise UserError(f"--pattern {pattern}: is not a pattern ({error!r}); its fields are {FIELDS}") from error


def find_pattern(files: set[str], entries: Sequence[ClipEntry], split: str, frames: Sequence[int]) -> str | None:
    """Return the known pattern that names most of the files; None if none names any."""
    suffixes = [suffix for suffix in SUFFIXES if any(file.endswith(suffix) for file in files)]
    best, largest = None, 0
    for prefix in _PREFIXES:
        if prefix and not any(file.startswith(prefix) for file in files):
            continue
        for stem in _STEMS:
            for suffix in suffixes:
                pattern = prefix + stem + suffix
                if per_clip(pattern) and suffix == ".png":
                    continue
                count = _count(pattern, files, entries, split, frames)
                if count > largest:
                    best, largest = pattern, count
    return best


def _count(pattern: str, files: set[str], entries: Sequence[ClipEntry], split: str, frames: Sequence[int]) -> int:
    count = 0
    for entry, number in zip(entries, frames, strict=True):
        count += len(files.intersection(fill(pattern, entry, split, number)))
    return count
