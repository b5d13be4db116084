"""The split of each video of a project, `splits.yaml`: assigned once, then kept, and free to be edited.

The file is by name, so a video that was renamed is recognised by its content, which is recorded with its annotation.
"""

import glob
import threading
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path

import yaml

from avseg.annotate.homes import ANNOTATORS, HOME, homes, refuse_links
from avseg.annotate.media.identity import check_same_video, is_same_video
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


def rename_split(folder: Path, old: str, new: str) -> None:
    """Give a renamed video the split of its old name; a file that cannot be read stays as it is."""
    with _lock, suppress(UserError):
        splits = load_splits(folder)
        if old in splits and new not in splits:
            splits[new] = splits.pop(old)
            save_splits(folder, splits)


def _assign(folder: Path, names: Sequence[str], shares: Mapping[str, float]) -> dict[str, str]:
    splits = load_splits(folder)
    unknown = [name for name in sorted(names) if name not in splits]
    _follow_renamed(folder, splits, unknown)
    counts = {split: sum(value == split for value in splits.values()) for split in SPLITS}
    missing = [name for name in unknown if name not in splits]
    for name in missing:
        total = sum(counts.values()) + 1
        # of equals the first: the training set
        split = max(SPLITS, key=lambda split: shares.get(split, 0.0) * total - counts[split])
        splits[name] = split
        counts[split] += 1
    if unknown:
        save_splits(folder, splits)
        _record_contents(folder, unknown)
    return {name: splits[name] for name in names}


def _follow_renamed(folder: Path, splits: MutableMapping[str, str], names: Sequence[str]) -> None:
    """Let videos without a split take the place of those that are missing and had the same content."""
    present = {path.name for path in folder.iterdir()} if names else set(splits)
    for old in sorted(splits.keys() - present):
        renamed = [name for name in names if name not in splits and _has_content_of(folder, name, old)]
        if renamed:
            splits[renamed[0]] = splits.pop(old)


def _has_content_of(folder: Path, name: str, old: str) -> bool:
    recorded = [homes(folder, None) / old, *(folder / HOME / ANNOTATORS).glob(f"*/{glob.escape(old)}")]
    with suppress(OSError):  # no such video
        return any(is_same_video(folder / name, home) for home in recorded)
    return False


def _record_contents(folder: Path, names: Sequence[str]) -> None:
    """Record the content of videos that nobody has opened yet."""
    for name in names:
        home = homes(folder, None) / name
        if home.exists() or not (folder / name).is_file():
            continue
        refuse_links(home)
        with suppress(OSError):  # a video that cannot be read has a split, too
            home.mkdir(parents=True, exist_ok=True)  # another thread may open the video now
            check_same_video(folder / name, home, has_annotation=False)
