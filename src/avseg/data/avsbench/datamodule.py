"""AVSBench for the Lightning trainer: loaders for training, validation and test."""

import gc
import hashlib
import logging
import os
from pathlib import Path
from typing import Literal

import pytorch_lightning as pl
import torch
from torch.utils.data import Dataset, Sampler

from avseg.audio.log_mel import Hop
from avseg.data.avsbench.dataset import Audio, AVSBenchDataset, class_names
from avseg.data.avsbench.layout import ClipEntry, Layout, layout_for
from avseg.data.clip import Clip
from avseg.data.controls import WithControls
from avseg.data.loader import ClipLoader, ShareSampler, ShuffledShare
from avseg.data.pack import PACKED, EmbeddedControls, PackedDataset, pack_folder
from avseg.data.palette import AVSS_CLASSES, Stray
from avseg.utils.errors import UserError, nearest

log = logging.getLogger("avseg")

Packed = Literal["auto"] | bool
PackedAudio = Literal["patches", "embeddings"]
PACKED_AUDIOS = ("patches", "embeddings")

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
        packed: "auto", the pack of a split (`avseg.data.pack`) where there is one, otherwise the files; True, packs
            only; False, files only. A pack that is damaged or older than the files is refused, not passed over.
        packed_audio: "embeddings": clips carry packed VGGish embeddings (B, T, 128), controls too; needs packs.
        vggish: the fingerprint of the VGGish that those embeddings must come from.

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
        packed: Packed = "auto",
        packed_audio: PackedAudio = "patches",
        vggish: str | None = None,
    ) -> None:
        super().__init__()
        self.layout: Layout = layout_for(setting, root)
        self.setting, self.image_size, self.batch_size = setting, image_size, batch_size
        self.num_workers = default_workers() if num_workers is None else num_workers
        self.audio, self.hop, self.controls, self.seed, self.stray = audio, hop, controls, seed, stray
        self.num_classes = AVSS_CLASSES if setting == "avss" else 1
        self.clip_length = self.layout.clip_length
        self.test_split = "test"
        self.packed, self.vggish = packed, vggish if packed_audio == "embeddings" else None
        self._packs: dict[tuple[str, bool], PackedDataset] = {}
        _check_packed(packed, packed_audio, vggish)
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
        """Checks the index, the batch size and all packs before anything starts, and says which splits are packed.

        Raises:
            UserError: missing data, a bad index, a batch size that the processes cannot share, a pack not to be used.
        """
        self.layout.read_index()
        self._batch_size_here()
        before = set(self._packs)
        splits = {"test": (self.test_split,), "validate": ("val",)}.get(stage, ("train", "val", self.test_split))
        for split in filter(self._reads_pack, dict.fromkeys(splits)):
            clips = self._clips(split)
            if split == self.test_split:
                self._with_controls(clips)  # embedded controls may be missing
        new = [split for split, _ in self._packs.keys() - before]
        if new and process()[0] == 0:
            log.info("data: packed clips of %s in %s", ", ".join(sorted(new)), self.layout.root / PACKED)

    def dataset(self, split: str) -> AVSBenchDataset:
        """The clips of a split, without controls, and always with log-mel patches.

        Raises:
            UserError: see `AVSBenchDataset` and, where the split is packed, `PackedDataset`.
        """
        return self._open(split)

    def _clips(self, split: str) -> AVSBenchDataset:
        """The clips as the model gets them: with embeddings if those are asked for."""
        return self._open(split, self.vggish)

    def _open(self, split: str, vggish: str | None = None) -> AVSBenchDataset:
        settings = (self.layout.root, self.setting, split, self.image_size, self.audio, self.hop, self.stray)
        if not self._reads_pack(split):
            return AVSBenchDataset(*settings)
        key = (split, vggish is not None)
        if key not in self._packs:
            self._packs[key] = PackedDataset(*settings, vggish=vggish)
        return self._packs[key]

    def _reads_pack(self, split: str) -> bool:
        if self.packed == "auto" and self.vggish is None:
            return pack_folder(self.layout, split, self.image_size).is_dir()
        return self.packed is not False

    def train_dataloader(self) -> ClipLoader:
        """Shuffled anew each epoch; the last batch may be smaller."""
        dataset = self._clips("train")
        return self._loader(dataset, ShuffledShare(dataset, self.batch_size, self.seed, *process()))

    def val_dataloader(self) -> ClipLoader:
        """This process's share of the validation split."""
        dataset = self._clips("val")
        return self._loader(dataset, ShareSampler(dataset, *process()))

    def test_dataloader(self) -> ClipLoader:
        """This process's share of the test split, with controls."""
        dataset = self._clips(self.test_split)
        return self._loader(self._with_controls(dataset), ShareSampler(dataset, *process()))

    def _with_controls(self, dataset: AVSBenchDataset) -> Dataset[Clip]:
        if not self.controls:
            return dataset
        if isinstance(dataset, PackedDataset) and dataset.embedded:
            return EmbeddedControls(dataset, self.seed)
        return WithControls(dataset, self.seed)

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


def _check_packed(packed: Packed, packed_audio: str, vggish: str | None) -> None:
    if packed not in ("auto", True, False):
        raise UserError(f"data.packed={packed} is unknown; allowed: auto, true, false")
    if packed_audio not in PACKED_AUDIOS:
        allowed = f"{', '.join(PACKED_AUDIOS)}{nearest(packed_audio, PACKED_AUDIOS)}"
        raise UserError(f"data.packed_audio={packed_audio} is unknown; allowed: {allowed}")
    if packed_audio == "embeddings" and (vggish is None or packed is False):
        why = "data.packed is false" if vggish else "no VGGish is named"
        raise UserError(f"data.packed_audio=embeddings, but {why}; set data.packed_audio=patches")


def _check_positive(key: str, value: int, least: int) -> None:
    if value < least:
        raise UserError(f"data.{key} {value} is too small; the least is {least}")
