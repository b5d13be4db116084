"""The base class of Lightning data modules that yield `Clip` batches.

A data set of another layout needs a subclass of `avseg.data.dataset.ClipDataset`, and of this one:

    class MyDataModule(ClipDataModule):
        setting = ClipSetting("mine", clip_length=8)

        def make_dataset(self, split):
            return MyDataset(self.root, split, self.setting, self.frontend)
"""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

import pytorch_lightning as pl
from torch.utils.data import Dataset, Sampler

from avseg.audio.frontend import FrontEnd, NoSound
from avseg.data.clip import Clip
from avseg.data.controls import WithControls
from avseg.data.dataset import ClipDataset
from avseg.data.loader import (
    GuardedLoader,
    ShareSampler,
    ShuffledShare,
    batch_size_per_process,
    default_workers,
    make_loader,
)
from avseg.data.setting import ClipSetting
from avseg.utils.distributed import get_rank, get_world_size
from avseg.utils.errors import UserError
from avseg.utils.file_table import NOT_HIDDEN


class ClipDataModule(pl.LightningDataModule, ABC):
    """Loaders for training, validation and test clips, the latter with control sounds.

    The loaders have their own samplers: give the trainer `use_distributed_sampler=False`. The order of training clips
    depends on the seed and the epoch alone, so that a resumed run sees what an uninterrupted one sees. Validation and
    test clips are divided among the processes without repetition.

    Raises:
        UserError: a batch size or number of workers that is too small.
    """

    setting: ClipSetting

    def __init__(
        self,
        root: Path | str,
        frontend: FrontEnd | None,  # None for a model without sound
        batch_size: int = 4,  # clips per step over all processes
        num_workers: int | None = None,  # reading processes per training process; None: see `default_workers`
        seed: int = 0,  # of the training order and of the controls
        *,
        controls: bool = True,  # True if test clips carry control sounds, see `WithControls`
    ) -> None:
        super().__init__()
        self.root = Path(root).expanduser()  # a shell does not expand the ~ of data.root=~/AVSBench
        self.frontend: FrontEnd = frontend or NoSound()
        self.batch_size = batch_size
        self.num_workers = default_workers() if num_workers is None else num_workers
        self.seed = seed
        self.controls = controls
        self.test_split = "test"  # `avseg evaluate split=val` changes it
        _check_at_least("batch_size", batch_size, 1)
        _check_at_least("num_workers", self.num_workers, 0)

    @abstractmethod
    def make_dataset(self, split: str) -> ClipDataset:
        """Make the data set of a split, one of `setting.splits`; raises `UserError` for missing data or no clips."""

    def dataset(self, split: str) -> ClipDataset:
        """Return the clips of a split, without controls; raises like `make_dataset`."""
        return self.make_dataset(split)

    def loader_dataset(self, split: str) -> ClipDataset:
        """Return the clips that the loaders read; a subclass may prepare them further, for example embed the sound."""
        return self.dataset(split)

    def add_controls(self, dataset: ClipDataset) -> Dataset[Clip]:
        """Return the clips with their control sounds."""
        return WithControls(dataset, self.seed)

    def splits_of_stage(self, stage: str) -> tuple[str, ...]:
        """Return the splits that a stage of the trainer reads; "fit" is followed by a test."""
        if stage == "test":
            return (self.test_split,)
        if stage == "validate":
            return ("val",)
        return tuple(dict.fromkeys(("train", "val", self.test_split)))

    def setup(self, stage: str) -> None:
        """Check the batch size before anything starts; raises `UserError` if the processes cannot share it."""
        batch_size_per_process(self.batch_size)

    def train_dataloader(self) -> GuardedLoader:
        """Return this process's training clips, shuffled again each epoch; the last batch may be smaller."""
        dataset = self.loader_dataset("train")
        sampler = ShuffledShare(dataset, self.batch_size, self.seed, get_rank(), get_world_size())
        return self._make_loader(dataset, sampler)

    def val_dataloader(self) -> GuardedLoader:
        """Return this process's share of the validation split."""
        dataset = self.loader_dataset("val")
        return self._make_loader(dataset, ShareSampler(dataset, get_rank(), get_world_size()))

    def test_dataloader(self) -> GuardedLoader:
        """Return this process's share of the test split, with controls."""
        dataset = self.loader_dataset(self.test_split)
        sampler = ShareSampler(dataset, get_rank(), get_world_size())
        return self._make_loader(self.add_controls(dataset) if self.controls else dataset, sampler)

    @property
    def index_file(self) -> Path | None:
        """The file that lists the clips; its content is part of the fingerprint."""
        return None

    def source_files(self) -> Iterable[Path]:
        """Return the files that clips are read from, below `root`; by default all files that are not hidden.

        Raises:
            UserError: the root does not exist.
        """
        if not self.root.is_dir():
            raise UserError(f"data.root={self.root} does not exist; set data.root to the folder of the data set")
        return sorted(path for path in self.root.rglob("[!.]*") if path.is_file())

    @property
    def walked_names(self) -> str | None:
        """The pattern of names whose files, all below `root`, are read; None where `input_files` lists them."""
        return NOT_HIDDEN if type(self).source_files is ClipDataModule.source_files else None

    def input_files(self) -> list[Path]:
        """Return every file that numbers depend on, whether it exists or not: see `avseg.runs.inputs`."""
        files = list(self.source_files())
        return [self.index_file, *files] if self.index_file is not None else files

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that identify the data: the content of the index, and each file's name and size.

        Raises:
            UserError: the data are missing.
        """
        digest = hashlib.sha256()
        files = self.source_files()  # first: it reports a missing root or index
        if self.index_file is not None:
            digest.update(self.index_file.read_bytes())
        for path in files:
            size = path.stat().st_size if path.is_file() else -1
            digest.update(os.fsencode(f"{path.relative_to(self.root).as_posix()}:{size}\n"))
        return digest.hexdigest()[:16]

    def _make_loader(self, dataset: Dataset[Clip], sampler: Sampler[int]) -> GuardedLoader:
        return make_loader(dataset, sampler, self.batch_size, self.num_workers)


def _check_at_least(key: str, value: int, least: int) -> None:
    if value < least:
        raise UserError(f"data.{key} {value} is too small; the least is {least}")
