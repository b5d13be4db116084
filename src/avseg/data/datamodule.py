"""AVSBench for the Lightning trainer: loaders for training, validation and test."""

import gc
import hashlib
import os
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch.utils.data import Dataset, Sampler

from avseg.data.audio import Hop
from avseg.data.avsbench import Audio, AVSBenchDataset, class_names
from avseg.data.clip import Clip
from avseg.data.controls import WithControls
from avseg.data.layout import ClipEntry, Layout, layout_for
from avseg.data.loader import ClipLoader, ShareSampler, ShuffledShare
from avseg.data.palette import AVSS_CLASSES, Stray
from avseg.errors import UserError

# A reading process is a fork, without the threads of FFmpeg: freeing there a decoder that the parent has left in its
# garbage would wait for them for ever. What was there before the fork is freed by the parent alone.
os.register_at_fork(after_in_child=gc.freeze)


class AVSBenchDataModule(pl.LightningDataModule):
    """Loaders for S4, MS3 or AVSS. They bring their own samplers: give the trainer `use_distributed_sampler=False`.

    The order of training clips depends on the seed and the epoch alone, so that a resumed run sees what a straight one
    sees. Validation and test clips are dealt out to the processes without repetition.

    Args:
        root: the folder that holds the index file.
        setting: "s4", "ms3" or "avss".
        image_size: side of frames and masks in pixels.
        batch_size: clips per step over all processes together.
        num_workers: reading processes per training process; None = one less than the processors, at most 4.
        audio: "auto", "wav" or "log_mel", see `AVSBenchDataset`.
        hop: "vggish" or "second".
        controls: test clips carry the sounds of `WithControls`.
        seed: of the training order and of the controls.
        stray: AVSS: what to do with colours of no class.

    Attributes:
        num_classes: 1 for S4 and MS3 (sounding or not), 71 for AVSS (background included).
        clip_length: T, 5 or 10.
        test_split: the split of `test_dataloader`.
    """

    def __init__(
        self,
        root: Path | str,
        setting: str,
        image_size: int = 224,
        batch_size: int = 4,
        num_workers: int | None = None,
        audio: Audio = "auto",
        hop: Hop = "vggish",
        controls: bool = True,
        seed: int = 123,
        stray: Stray = "background",
    ) -> None:
        super().__init__()
        self.layout: Layout = layout_for(setting, root)
        self.setting, self.image_size, self.batch_size = setting, image_size, batch_size
        self.num_workers = default_workers() if num_workers is None else num_workers
        self.audio, self.hop, self.controls, self.seed, self.stray = audio, hop, controls, seed, stray
        self.num_classes = AVSS_CLASSES if setting == "avss" else 1
        self.clip_length = self.layout.clip_length
        self.test_split = "test"
        _check_positive("batch_size", batch_size, 1)
        _check_positive("num_workers", self.num_workers, 0)

    @property
    def categories(self) -> tuple[str, ...]:
        """AVSS: the class names by index; S4: the categories in order of the alphabet; MS3: none.

        Raises:
            UserError: the index or the class names are missing or bad.
        """
        return class_names(self.layout) or tuple(sorted({entry.category for entry in self.layout.read_index()} - {""}))

    def setup(self, stage: str) -> None:
        """Checks the index and the batch size before anything starts.

        Raises:
            UserError: missing data, a bad index, a batch size that the processes cannot share.
        """
        self.layout.read_index()
        self._batch_size_here()

    def dataset(self, split: str) -> AVSBenchDataset:
        """The clips of a split, without controls.

        Raises:
            UserError: see `AVSBenchDataset`.
        """
        return AVSBenchDataset(
            self.layout.root, self.setting, split, self.image_size, self.audio, self.hop, stray=self.stray
        )

    def train_dataloader(self) -> ClipLoader:
        """Shuffled anew each epoch; the last batch may be smaller."""
        dataset = self.dataset("train")
        return self._loader(dataset, ShuffledShare(dataset, self.batch_size, self.seed, *process()))

    def val_dataloader(self) -> ClipLoader:
        """This process's share of the validation split."""
        dataset = self.dataset("val")
        return self._loader(dataset, ShareSampler(dataset, *process()))

    def test_dataloader(self) -> ClipLoader:
        """This process's share of the test split, with controls."""
        dataset = self.dataset(self.test_split)
        clips = WithControls(dataset, self.seed) if self.controls else dataset
        return self._loader(clips, ShareSampler(dataset, *process()))

    def fingerprint(self) -> str:
        """16 hexadecimal digits that tell one set of data from another: the index, and each file's name and size.

        Raises:
            UserError: the index is missing or bad.
        """
        digest = hashlib.sha256()
        entries = self.layout.read_index()
        digest.update(self.layout.index_file.read_bytes())
        for path in [path for entry in entries for path in self._files(entry)]:
            size = path.stat().st_size if path.is_file() else -1
            digest.update(f"{path.relative_to(self.layout.root).as_posix()}:{size}\n".encode())
        return digest.hexdigest()[:16]

    def _files(self, entry: ClipEntry) -> list[Path]:
        layout = self.layout
        return [*layout.frames(entry), *layout.masks(entry), layout.wav(entry), layout.log_mel(entry)]

    def _loader(self, dataset: Dataset[Clip], sampler: Sampler[int]) -> ClipLoader:
        return ClipLoader(
            dataset,
            batch_size=self._batch_size_here(),
            sampler=sampler,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def _batch_size_here(self) -> int:
        """Clips per step in this process."""
        _, world_size = process()
        if self.batch_size % world_size:
            raise UserError(
                f"data.batch_size {self.batch_size} cannot be shared by {world_size} processes; "
                f"take a multiple of {world_size}"
            )
        return self.batch_size // world_size


def process() -> tuple[int, int]:
    """Rank of this process and number of processes."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def default_workers() -> int:
    """A reading process for each processor but one, at most 4."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, processors - 1)


def _check_positive(key: str, value: int, least: int) -> None:
    if value < least:
        raise UserError(f"data.{key} {value} is too small; the least is {least}")
