"""Where the files of AVSBench lie, for reading and for writing: S4, MS3 (AVSBench-object) and AVSS (AVSBench-semantic).

Readers and generators of data share these classes, so that made data is read exactly like the released data.
"""

import csv
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from avseg.data.avsbench.index import SPLITS, ClipEntry, Column, read_index
from avseg.utils.errors import UserError, nearest
from avseg.utils.files import atomic_file

__all__ = ["SETTINGS", "SPLITS", "AVSSLayout", "ClipEntry", "Layout", "MS3Layout", "S4Layout", "layout_for"]

SETTINGS = ("s4", "ms3", "avss")
HOW_TO_GET_DATA = "set `data.root` to your copy of AVSBench, or make a toy set with `avseg data toy --out DIR`"


class Layout(ABC):
    """The official folder tree of one setting.

    Args:
        root: the folder that holds the index file; the folder above it (that of the release) is accepted too.
    """

    setting: ClassVar[str]
    index_name: ClassVar[str]
    release_folders: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[Column, ...]]
    header: ClassVar[tuple[str, ...]]
    clip_length: ClassVar[int] = 5

    def __init__(self, root: Path | str) -> None:
        root = Path(root).expanduser()  # a shell leaves the ~ of data.root=~/AVSBench as it is
        places = (root, *(root / name for name in self.release_folders))
        self.root = next((place for place in places if (place / self.index_name).is_file()), root)

    @property
    def index_file(self) -> Path:
        """The csv that names every clip and its split."""
        return self.root / self.index_name

    def entries(self, split: str) -> list[ClipEntry]:
        """The clips of one split in the order of the index file.

        Raises:
            UserError: no such split, root or index file; unknown columns, a bad or a double row.
        """
        if split not in SPLITS:
            raise UserError(f"split '{split}' is unknown; allowed: {', '.join(SPLITS)}{nearest(split, SPLITS)}")
        return [entry for entry in self.read_index() if entry.split == split]

    def read_index(self) -> list[ClipEntry]:
        """All rows of the index file.

        Raises:
            UserError: see `entries`.
        """
        if not self.root.is_dir():
            raise UserError(f"data root {self.root} does not exist; {HOW_TO_GET_DATA}")
        if not self.index_file.is_file():
            raise UserError(f"{self.index_file} is missing (the index of {self.setting}); {HOW_TO_GET_DATA}")
        return read_index(self.index_file, self.columns)

    def write_index(self, entries: Iterable[ClipEntry]) -> None:
        """Writes the index file with the official columns."""
        with atomic_file(self.index_file) as path, path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.header)
            writer.writerows(self._row(entry) for entry in entries)

    @abstractmethod
    def frames(self, entry: ClipEntry) -> list[Path]:
        """The clip's pictures, one per second."""

    @abstractmethod
    def masks(self, entry: ClipEntry) -> list[Path]:
        """The masks of the clip's first frames: of all, or of the first frame only (S4 training)."""

    @abstractmethod
    def wav(self, entry: ClipEntry) -> Path:
        """The clip's sound."""

    @abstractmethod
    def log_mel(self, entry: ClipEntry) -> Path:
        """The clip's log-mel patches, a pickled tensor (T, 1, 96, 64)."""

    @abstractmethod
    def _row(self, entry: ClipEntry) -> list[str]:
        """The entry as a row under `header`."""


_NAMES = ("name", "video_id", "video_name", "vid", "uid")
_STARTS = ("start", "start_second", "start_time", "start_sec")


class S4Layout(Layout):
    """Single source: five frames, one category; training clips carry only the mask of the first frame."""

    setting = "s4"
    index_name = "s4_meta_data.csv"
    release_folders = ("Single-source",)
    header = ("name", "start", "category", "split")
    columns = (
        Column("name", _NAMES, place=0),
        Column("start", _STARTS, place=1),
        Column("category", ("category",)),
        Column("split", ("split",), allowed=SPLITS),
    )

    def frames(self, entry: ClipEntry) -> list[Path]:
        """Five pictures `visual_frames/{split}/{category}/{name}/{name}_{1..5}.png`."""
        folder = self._folder("visual_frames", entry) / entry.name
        return [folder / f"{entry.name}_{number}.png" for number in range(1, 6)]

    def masks(self, entry: ClipEntry) -> list[Path]:
        """`gt_masks/{split}/{category}/{name}/{name}_{1..5}.png`; training: the first only."""
        folder = self._folder("gt_masks", entry) / entry.name
        count = 1 if entry.split == "train" else 5
        return [folder / f"{entry.name}_{number}.png" for number in range(1, count + 1)]

    def wav(self, entry: ClipEntry) -> Path:
        """`audio_wav/{split}/{category}/{name}.wav`."""
        return self._folder("audio_wav", entry) / f"{entry.name}.wav"

    def log_mel(self, entry: ClipEntry) -> Path:
        """`audio_log_mel/{split}/{category}/{name}.pkl`."""
        return self._folder("audio_log_mel", entry) / f"{entry.name}.pkl"

    def _folder(self, kind: str, entry: ClipEntry) -> Path:
        return self.root / "s4_data" / kind / entry.split / entry.category

    def _row(self, entry: ClipEntry) -> list[str]:
        return [entry.name, f"{entry.start:g}", entry.category, entry.split]


class MS3Layout(Layout):
    """Multiple sources: five frames, all with masks; no categories."""

    setting = "ms3"
    index_name = "ms3_meta_data.csv"
    release_folders = ("Multi-sources",)
    header = ("name", "split")
    columns = (
        Column("name", _NAMES, place=0),
        Column("start", _STARTS, needed=False),
        Column("category", ("category",), needed=False),
        Column("split", ("split",), allowed=SPLITS),
    )

    def frames(self, entry: ClipEntry) -> list[Path]:
        """Five pictures `visual_frames/{name}/{name}.mp4_{1..5}.png`."""
        folder = self.root / "ms3_data" / "visual_frames" / entry.name
        return [folder / f"{entry.name}.mp4_{number}.png" for number in range(1, 6)]

    def masks(self, entry: ClipEntry) -> list[Path]:
        """Five palette pictures `gt_masks/{split}/{name}/{name}_{1..5}.png`."""
        folder = self.root / "ms3_data" / "gt_masks" / entry.split / entry.name
        return [folder / f"{entry.name}_{number}.png" for number in range(1, 6)]

    def wav(self, entry: ClipEntry) -> Path:
        """`audio_wav/{split}/{name}.wav`."""
        return self.root / "ms3_data" / "audio_wav" / entry.split / f"{entry.name}.wav"

    def log_mel(self, entry: ClipEntry) -> Path:
        """`audio_log_mel/{split}/{name}.pkl`."""
        return self.root / "ms3_data" / "audio_log_mel" / entry.split / f"{entry.name}.pkl"

    def _row(self, entry: ClipEntry) -> list[str]:
        return [entry.name, entry.split]


class AVSSLayout(Layout):
    """Semantic: 5 frames (subsets v1s, v1m) or 10 (v2), one colour per class; v1s training: the first mask only."""

    setting = "avss"
    index_name = "metadata.csv"
    release_folders = ("AVSBench-semantic", "Semantic")
    header = ("vid", "uid", "s_min", "s_max", "a_obj", "split", "label")
    columns = (
        Column("name", ("uid",)),
        Column("start", ("s_min",), needed=False),
        Column("category", ("a_obj",), needed=False),
        Column("split", ("split",), allowed=SPLITS),
        Column("subset", ("label",), allowed=("v1s", "v1m", "v2")),
    )
    clip_length = 10
    lengths: ClassVar[Mapping[str, int]] = {"v1s": 5, "v1m": 5, "v2": 10}

    @property
    def label_file(self) -> Path:
        """`label2idx.json`: class name to class index, 71 of them, background 0."""
        return self.root / "label2idx.json"

    def frames(self, entry: ClipEntry) -> list[Path]:
        """`{subset}/{uid}/frames/{0..}.jpg`, 5 or 10."""
        return [self._folder(entry) / "frames" / f"{number}.jpg" for number in range(self.lengths[entry.subset])]

    def masks(self, entry: ClipEntry) -> list[Path]:
        """`{subset}/{uid}/labels_rgb/{0..}.png`."""
        count = 1 if (entry.subset, entry.split) == ("v1s", "train") else self.lengths[entry.subset]
        return [self._folder(entry) / "labels_rgb" / f"{number}.png" for number in range(count)]

    def wav(self, entry: ClipEntry) -> Path:
        """`{subset}/{uid}/audio.wav`."""
        return self._folder(entry) / "audio.wav"

    def log_mel(self, entry: ClipEntry) -> Path:
        """`{subset}/{uid}/audio.pkl`; not part of the release."""
        return self._folder(entry) / "audio.pkl"

    def _folder(self, entry: ClipEntry) -> Path:
        return self.root / entry.subset / entry.name

    def _row(self, entry: ClipEntry) -> list[str]:
        end = entry.start + self.lengths[entry.subset]
        return [entry.name, entry.name, f"{entry.start:g}", f"{end:g}", entry.category, entry.split, entry.subset]


_LAYOUTS: dict[str, type[Layout]] = {"s4": S4Layout, "ms3": MS3Layout, "avss": AVSSLayout}


def layout_for(setting: str, root: Path | str) -> Layout:
    """The layout of a setting.

    Args:
        setting: "s4", "ms3" or "avss".
        root: the folder that holds the index file.

    Raises:
        UserError: unknown setting.
    """
    if setting not in _LAYOUTS:
        raise UserError(
            f"data setting '{setting}' is unknown; allowed: {', '.join(SETTINGS)}{nearest(setting, SETTINGS)}"
        )
    return _LAYOUTS[setting](root)
