"""The split of each video of a project, `splits.yaml`: assigned once, then kept, and free to be edited."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from avseg.data.setting import SPLITS
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError
from avseg.utils.files import write_text

FILE = "splits.yaml"
SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}
_lock = threading.Lock()  # of those who read and then write


def load_splits(folder: Path) -> dict[str, str]:
    """Read the splits by the name of the video; none without a file.

    Raises:
        UserError: the file is not a mapping of names to splits.
    """
    path = folder / FILE
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: must be a mapping, `VIDEO: train`")
    for name, split in content.items():
        check_choice("split", str(split), SPLITS, where=f"{path}, {name}")
    return {str(name): str(split) for name, split in content.items()}


def save_splits(folder: Path, splits: Mapping[str, str]) -> None:
    """Write the splits."""
    write_text(folder / FILE, yaml.safe_dump(dict(sorted(splits.items())), allow_unicode=True))


def change_splits(folder: Path, changes: Mapping[str, str]) -> None:
    """Give some videos another split."""
    with _lock:
        save_splits(folder, {**load_splits(folder), **changes})


def assign_splits(folder: Path, names: Sequence[str], shares: Mapping[str, float] = SHARES) -> dict[str, str]:
    """Give each video that has none the split that lacks most videos, in the order of the names; return all.

    Those that have a split keep it, so a project that grows never moves a video from one split to another.
    """
    with _lock:
        return _assign(folder, names, shares)


def _assign(folder: Path, names: Sequence[str], shares: Mapping[str, float]) -> dict[str, str]:
    splits = load_splits(folder)
    counts = {split: sum(value == split for value in splits.values()) for split in SPLITS}
    missing = [name for name in sorted(names) if name not in splits]
    for name in missing:
        total = sum(counts.values()) + 1
        # of equals the first: the training set
        split = max(SPLITS, key=lambda split: shares.get(split, 0.0) * total - counts[split])
        splits[name] = split
        counts[split] += 1
    if missing:
        save_splits(folder, splits)
    return {name: splits[name] for name in names}
