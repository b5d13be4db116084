"""AVSBench for the Lightning trainer: S4, MS3 and AVSS, from files or packs."""

import logging
from pathlib import Path
from typing import Any, get_args

from torch.utils.data import Dataset

from avseg.audio.frontend import FrontEnd, LogMel
from avseg.data.avsbench.avss import class_names
from avseg.data.avsbench.config import AVSBenchConfig, PackedAudio
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.avsbench.layout import layout_for
from avseg.data.clip import Clip
from avseg.data.datamodule import ClipDataModule
from avseg.data.dataset import ClipDataset
from avseg.data.pack import PACKED, EmbeddedControls, PackedDataset, pack_folder
from avseg.data.pack.integrity import CACHE_NAME
from avseg.utils.choices import check_choice
from avseg.utils.distributed import get_rank
from avseg.utils.errors import UserError

log = logging.getLogger("avseg")


class AVSBenchDataModule(ClipDataModule):
    """Loaders for S4, MS3 or AVSS; packs serve the front end `LogMel` alone.

    Raises:
        UserError: an unknown choice, or embeddings without packs or VGGish.
    """

    def __init__(
        self,
        config: AVSBenchConfig,
        frontend: FrontEnd | None,
        seed: int = 0,  # of the training order and of the controls
        *,
        controls: bool = True,
        vggish: str | None = None,  # fingerprint of the VGGish that packed embeddings must come from
    ) -> None:
        self.layout = layout_for(config.setting, config.root)
        super().__init__(self.layout.root, frontend, config.batch_size, config.num_workers, seed, controls=controls)
        self.config = config
        self.setting = self.layout.setting
        self.vggish = vggish if config.packed_audio == "embeddings" else None
        # by split and whether clips carry embeddings; a pack is verified when it is opened, so only once
        # side of the masks of the loaders; None for that of the frames
        self.mask_size: int | None = None
        self._packs: dict[tuple[str, bool], PackedDataset] = {}
        _check_packed(config, vggish)

    def setup(self, stage: str) -> None:
        """Check the index, the batch size and all packs before anything starts, and log which splits are packed.

        Raises:
            UserError: missing data, a bad index, a batch size that the processes cannot share, an unusable pack.
        """
        self.layout.read_index()
        super().setup(stage)
        opened_before = set(self._packs)
        for split in self.splits_of_stage(stage):
            if self._reads_pack(split):
                dataset = self.loader_dataset(split)
                if split == self.test_split and self.controls:
                    self.add_controls(dataset)  # embedded controls may be missing
        opened = sorted(split for split, _ in self._packs.keys() - opened_before)
        if opened and get_rank() == 0:
            log.info("data: packed clips of %s in %s", ", ".join(opened), self.layout.root / PACKED)

    def make_dataset(self, split: str, vggish: str | None = None) -> AVSBenchDataset:
        """Open the clips of a split, from files or its pack; given a VGGish, its embeddings are their sound."""
        arguments = self._arguments(split)
        if not self._reads_pack(split):
            return AVSBenchDataset(*arguments)
        key = (split, vggish is not None)
        if key not in self._packs:
            self._packs[key] = PackedDataset(*arguments, vggish=vggish)
        return self._packs[key]

    def dataset(self, split: str) -> AVSBenchDataset:
        """Return the clips of a split, without controls; see `make_dataset`."""
        return self.make_dataset(split)

    def loader_dataset(self, split: str) -> AVSBenchDataset:
        """Return the clips that the loaders read: with embeddings as sound if these are asked for."""
        if self.mask_size in (None, self.config.side):
            return self.make_dataset(split, self.vggish)
        if self.config.packed is True or self.vggish is not None:
            raise UserError(
                f"mask_size={self.mask_size}: packs hold masks of {self.config.side} pixels; add packed=false "
                "packed_audio=patches"
            )
        arguments = (*self._arguments(split), self.mask_size)
        return AVSBenchDataset(*arguments)

    def _arguments(self, split: str) -> tuple[Any, ...]:
        config = self.config
        return (self.root, config.setting, split, config.side, config.audio, self.frontend, config.stray)

    def add_controls(self, dataset: ClipDataset) -> Dataset[Clip]:
        """Return the clips with their control sounds, which are packed too if they are embeddings."""
        if isinstance(dataset, PackedDataset) and dataset.embedded:
            return EmbeddedControls(dataset, self.seed)
        return super().add_controls(dataset)

    def _reads_pack(self, split: str) -> bool:
        # embeddings exist in packs only
        if self.config.packed == "auto" and self.vggish is None:
            folder = pack_folder(self.layout, split, self.config.side)
            return isinstance(self.frontend, LogMel) and folder.is_dir()
        return self.config.packed is not False

    @property
    def labels(self) -> tuple[str, ...]:
        """The class names of AVSS by index, for predictions; empty for the other settings."""
        return class_names(self.layout)

    @property
    def index_file(self) -> Path:
        """The csv that lists the clips."""
        return self.layout.index_file

    def source_files(self) -> list[Path]:
        """Return frames, masks, wav and log-mel file of each clip, whether they exist or not."""
        files: list[Path] = []  # in a fixed order, on which the fingerprint depends
        for entry in self.layout.read_index():
            files += [*self.layout.frames(entry), *self.layout.masks(entry)]
            files += [self.layout.wav(entry), self.layout.log_mel(entry)]
        return files

    def input_files(self) -> list[Path]:
        """Return the index, the class names (AVSS) and the files of the clips."""
        files = super().input_files()
        return [self.layout.label_file, *files] if self.layout.label_file is not None else files

    def pack_files(self) -> list[Path]:
        """Return the files of the packs that are read instead."""
        files: list[Path] = []
        for split in self.splits_of_stage("fit"):
            if self._reads_pack(split):
                folder = pack_folder(self.layout, split, self.config.side)
                files += sorted(path for path in folder.glob("[!.]*") if path.name != CACHE_NAME)
        return files


def _check_packed(config: AVSBenchConfig, vggish: str | None) -> None:
    check_choice("data.packed", config.packed, ("auto", True, False))
    check_choice("data.packed_audio", config.packed_audio, get_args(PackedAudio))
    if config.packed_audio == "embeddings" and (vggish is None or config.packed is False):
        reason = "data.packed is false" if vggish else "the run has no VGGish"
        raise UserError(f"data.packed_audio=embeddings, but {reason}; set data.packed_audio=patches")
