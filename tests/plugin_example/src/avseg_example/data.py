"""A data set in a layout of its own: ROOT/SPLIT/NAME.npz (frames, masks) and ROOT/SPLIT/NAME.wav."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from avseg.audio.frontend import FrontEnd
from avseg.audio.log_mel import read_wav
from avseg.data.datamodule import ClipDataModule
from avseg.data.dataset import ClipDataset
from avseg.data.setting import ClipEntry, ClipSetting
from avseg.utils.errors import UserError
from avseg_example.config import ExampleSetConfig

SETTING = ClipSetting("example", clip_length=3, clip_lengths=(3,))


class ExampleDataset(ClipDataset):
    """The clips of a split."""

    def __init__(self, config: ExampleSetConfig, split: str, frontend: FrontEnd) -> None:
        self.folder = Path(config.root).expanduser() / split
        self.size = config.image_size or 32
        names = sorted(path.stem for path in self.folder.glob("*.npz"))
        if not names:
            raise UserError(f"{self.folder} has no clips; make them with: python -m avseg_example.generate ROOT")
        super().__init__([ClipEntry(name, split=split) for name in names], SETTING, frontend)

    def read_images(self, index: int) -> tuple[Tensor, Tensor]:
        """Frames (3, 3, size, size) and masks (3, size, size)."""
        with np.load(self.folder / f"{self.entries[index].name}.npz", allow_pickle=False) as arrays:
            frames = torch.from_numpy(arrays["frames"]).permute(0, 3, 1, 2)  # (T, 3, H, W)
            masks = torch.from_numpy(arrays["masks"])[:, None]  # (T, 1, H, W)
        size = (self.size, self.size)
        return interpolate(frames, size, mode="nearest"), interpolate(masks, size, mode="nearest")[:, 0]

    def read_waveform(self, index: int) -> tuple[Tensor, int]:
        """The wav file."""
        return read_wav(self.folder / f"{self.entries[index].name}.wav")


class ExampleDataModule(ClipDataModule):
    """Its loaders."""

    setting = SETTING

    def __init__(self, config: ExampleSetConfig, frontend: FrontEnd, seed: int = 0) -> None:
        super().__init__(config.root, frontend, config.batch_size, config.num_workers, seed)
        self.config = config

    def make_dataset(self, split: str) -> ExampleDataset:
        """The clips of a split."""
        return ExampleDataset(self.config, split, self.frontend)
