"""The folder trees of AVSBench: S4, MS3 (AVSBench-object) and AVSS (AVSBench-semantic).

Readers and generators share these classes, so that synthetic data is read exactly like the released data.
"""

import csv
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from avseg.data.avsbench.index import Column, read_index
from avseg.data.setting import SETTINGS, SPLITS, ClipEntry, ClipSetting, find_setting
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file

HOW_TO_GET_DATA = "set `data.root` to your copy of AVSBench, or make a toy set with `avseg data toy --out DIR`"


class Layout(ABC):
    """The official folder tree of one setting.

    The root holds the index file; the folder above it (that of the release) is accepted too.
    """

    setting: ClassVar[ClipSetting]
    index_name: ClassVar[str]
    release_folders: ClassVar[tuple[str, ...]]  # names of the root in the release
    columns: ClassVar[tuple[Column, ...]]  # as read
    header: ClassVar[tuple[str, ...]]  # as written
    has_log_mel: ClassVar[bool] = True  # log-mel files are part of the release

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).expanduser()  # a shell does not expand the ~ of data.root=~/AVSBench
        for name in (".", *self.release_folders):
            if (self.root / name / self.index_name).is_file():
                self.root = self.root / name
                break

    @property
    def index_file(self) -> Path:
        """The csv that lists every clip and its split."""
        return self.root / self.index_name

    @property
    def label_file(self) -> Path | None:
        """AVSS: the file of class names; None for the other settings."""
        return None

    def entries(self, split: str) -> list[ClipEntry]:
        """Read the clips of one split in the order of the index file.

        Raises:
            UserError: unknown split; missing root or index file; unknown columns, a bad or a duplicate row.
        """
        check_choice("split", split, self.setting.splits)
        return [entry for entry in self.read_index() if entry.split == split]

    def read_index(self) -> list[ClipEntry]:
        """Read all rows of the index file; raises like `entries`."""
        if not self.root.is_dir():
            problem = "is a file" if self.root.exists() else "does not exist"
            raise UserError(f"data root {self.root} {problem}; {HOW_TO_GET_DATA}")
        if not self.index_file.is_file():
            raise UserError(f"{self.index_file} is missing (the index of {self.setting}); {HOW_TO_GET_DATA}")
        return read_index(self.index_file, self.columns)

    def write_index(self, entries: Iterable[ClipEntry]) -> None:
        """Write the index file with the official columns."""
        with atomic_file(self.index_file) as path, path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.header)
            writer.writerows(map(self._row, entries))

    def data_folders(self) -> list[Path]:
        """Return the folders that hold only files of clips in the index."""
        data = self.root / f"{self.setting}_data"
        return [data / name for name in ("visual_frames", "gt_masks", "audio_wav", "audio_log_mel")]

    def subset(self, seconds: int) -> str:
        """Return the subset of a new clip; AVSS alone has subsets."""
        return ""

    @abstractmethod
    def frames(self, entry: ClipEntry) -> list[Path]:
        """Return the clip's images, one per second."""

    @abstractmethod
    def masks(self, entry: ClipEntry) -> list[Path]:
        """Return the masks of the clip's first frames: of all, or of the first frame only (S4 training)."""

    @abstractmethod
    def wav(self, entry: ClipEntry) -> Path:
        """Return the clip's sound file."""

    @abstractmethod
    def log_mel(self, entry: ClipEntry) -> Path:
        """Return the file of the clip's log-mel patches, a pickled tensor (T, 1, 96, 64)."""

    @abstractmethod
    def _row(self, entry: ClipEntry) -> list[str]:
        """Return the entry as a row under `header`."""


# names of the columns in the release and in its copies that users report
_NAMES = ("name", "video_id", "video_name", "vid", "uid")
_STARTS = ("start", "start_second", "start_time", "start_sec")


class ObjectLayout(Layout):
    """AVSBench-object: five frames; files of clips are in one folder for each role."""

    def masks(self, entry: ClipEntry) -> list[Path]:
        """Return `gt_masks/{split}/.../{name}/{name}_{1..5}.png`; S4 training: the first only."""
        # one annotated frame per training clip: the weak supervision of the single-source setting
        count = 1 if self.setting.first_frame_only and entry.split == "train" else 5
        return _numbered(self._folder("gt_masks", entry) / entry.name, f"{entry.name}_", range(1, count + 1), ".png")

    def wav(self, entry: ClipEntry) -> Path:
        """Return `audio_wav/{split}/.../{name}.wav`."""
        return self._folder("audio_wav", entry) / f"{entry.name}.wav"

    def log_mel(self, entry: ClipEntry) -> Path:
        """Return `audio_log_mel/{split}/.../{name}.pkl`."""
        return self._folder("audio_log_mel", entry) / f"{entry.name}.pkl"

    @abstractmethod
    def _folder(self, role: str, entry: ClipEntry) -> Path:
        """Return the folder of a role for the clip's split (S4: and category)."""


class S4Layout(ObjectLayout):
    """Single source: five frames, one category; training clips have only the mask of the first frame."""

    setting = SETTINGS["s4"]
    index_name = "s4_meta_data.csv"
    release_folders = ("Single-source",)
    header = ("name", "start", "category", "split")
    columns = (
        Column("name", _NAMES, position=0),
        Column("start", _STARTS, position=1),
        Column("category", ("category",)),
        Column("split", ("split",), allowed=SPLITS),
    )

    def frames(self, entry: ClipEntry) -> list[Path]:
        """Return the five images `visual_frames/{split}/{category}/{name}/{name}_{1..5}.png`."""
        return _numbered(self._folder("visual_frames", entry) / entry.name, f"{entry.name}_", range(1, 6), ".png")

    def _folder(self, role: str, entry: ClipEntry) -> Path:
        return self.root / "s4_data" / role / entry.split / entry.category

    def _row(self, entry: ClipEntry) -> list[str]:
        return [entry.name, f"{entry.start:g}", entry.category, entry.split]


class MS3Layout(ObjectLayout):
    """Multiple sources: five frames, all with masks; no categories."""

    setting = SETTINGS["ms3"]
    index_name = "ms3_meta_data.csv"
    release_folders = ("Multi-sources",)
    header = ("name", "split")
    columns = (
        Column("name", _NAMES, position=0),
        Column("start", _STARTS, required=False),
        Column("category", ("category",), required=False),
        Column("split", ("split",), allowed=SPLITS),
    )

    def frames(self, entry: ClipEntry) -> list[Path]:
        """Return the five images `visual_frames/{name}/{name}.mp4_{1..5}.png`."""
        folder = self.root / "ms3_data" / "visual_frames" / entry.name
        return _numbered(folder, f"{entry.name}.mp4_", range(1, 6), ".png")

    def _folder(self, role: str, entry: ClipEntry) -> Path:
        return self.root / "ms3_data" / role / entry.split

    def _row(self, entry: ClipEntry) -> list[str]:
        return [entry.name, entry.split]


class AVSSLayout(Layout):
    """Semantic: 5 frames (subsets v1s, v1m) or 10 (v2), one colour per class; v1s training: the first mask only."""

    setting = SETTINGS["avss"]
    index_name = "metadata.csv"
    release_folders = ("AVSBench-semantic", "Semantic")
    header = ("vid", "uid", "s_min", "s_max", "a_obj", "split", "label")
    columns = (
        Column("name", ("uid",)),
        Column("start", ("s_min",), required=False),
        Column("category", ("a_obj",), required=False),
        Column("split", ("split",), allowed=SPLITS),
        Column("subset", ("label",), allowed=("v1s", "v1m", "v2")),
    )
    has_log_mel = False
    lengths: ClassVar[Mapping[str, int]] = {"v1s": 5, "v1m": 5, "v2": 10}  # seconds by subset

    @property
    def label_file(self) -> Path:
        """The file `label2idx.json`: class name to class index, 71 of them, counted from 1 in the release."""
        return self.root / "label2idx.json"

    def frames(self, entry: ClipEntry) -> list[Path]:
        """Return `{subset}/{uid}/frames/{0..}.jpg`, 5 or 10."""
        return _numbered(self._folder(entry) / "frames", "", range(self.lengths[entry.subset]), ".jpg")

    def masks(self, entry: ClipEntry) -> list[Path]:
        """Return `{subset}/{uid}/labels_rgb/{0..}.png`."""
        # v1s are the clips of S4, with its one annotated frame
        count = 1 if (entry.subset, entry.split) == ("v1s", "train") else self.lengths[entry.subset]
        return _numbered(self._folder(entry) / "labels_rgb", "", range(count), ".png")

    def wav(self, entry: ClipEntry) -> Path:
        """Return `{subset}/{uid}/audio.wav`."""
        return self._folder(entry) / "audio.wav"

    def log_mel(self, entry: ClipEntry) -> Path:
        """Return `{subset}/{uid}/audio.pkl`; not part of the release."""
        return self._folder(entry) / "audio.pkl"

    def subset(self, seconds: int) -> str:
        """Return "v2" for 10 seconds, else "v1m", whose clips are annotated in every split."""
        return "v2" if seconds == self.lengths["v2"] else "v1m"

    def data_folders(self) -> list[Path]:
        """Return the folders of the subsets, whose clip folders hold other files too."""
        return [self.root / subset for subset in self.lengths]

    def _folder(self, entry: ClipEntry) -> Path:
        return self.root / entry.subset / entry.name

    def _row(self, entry: ClipEntry) -> list[str]:
        # vid, the id of the original video, is not known
        end = entry.start + self.lengths[entry.subset]
        return [entry.name, entry.name, f"{entry.start:g}", f"{end:g}", entry.category, entry.split, entry.subset]


def _numbered(folder: Path, stem: str, numbers: range, suffix: str) -> list[Path]:
    return [folder / f"{stem}{number}{suffix}" for number in numbers]


_LAYOUTS: dict[str, type[Layout]] = {"s4": S4Layout, "ms3": MS3Layout, "avss": AVSSLayout}


def layout_for(setting: str, root: Path | str) -> Layout:
    """Return the layout of a setting below the folder that holds its index file; raises `UserError` if unknown."""
    return _LAYOUTS[find_setting(setting).name](root)
