"""A data set of another layout needs two short classes."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from avseg.audio import FrontEnd
from avseg.audio.log_mel import read_wav
from avseg.data.datamodule import ClipDataModule
from avseg.data.dataset import ClipDataset
from avseg.data.setting import ClipEntry, ClipSetting
from avseg.utils.errors import UserError
from tests.audio.frontends import RawSeconds

SETTING = ClipSetting("tones", clip_length=3)


class ToneDataset(ClipDataset):
    """Clips of a wav and grey frames; the last second has no frame, and the first frame alone is annotated."""

    def __init__(self, root: Path, split: str, frontend: FrontEnd) -> None:
        self.files = sorted((root / split).glob("*.wav"))
        super().__init__([ClipEntry(file.stem, "tone", split) for file in self.files], SETTING, frontend)

    def seconds(self, index: int) -> int:
        return 2

    def read_images(self, index: int) -> tuple[Tensor, Tensor]:
        return torch.full((2, 3, 8, 8), index, dtype=torch.uint8), torch.ones(1, 8, 8, dtype=torch.uint8)

    def read_waveform(self, index: int) -> tuple[Tensor, int]:
        return read_wav(self.files[index])


class ToneDataModule(ClipDataModule):
    """The smallest data module."""

    setting = SETTING

    def make_dataset(self, split: str) -> ToneDataset:
        return ToneDataset(self.root, split, self.frontend)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split, count in (("train", 5), ("val", 2), ("test", 3)):
        (tmp_path / split).mkdir()
        for number in range(count):
            tone = np.sin(np.arange(2 * 8000) * (number + 1) / 40)
            soundfile.write(tmp_path / split / f"{number}.wav", tone, 8000)
    return tmp_path


def test_loaders(root: Path) -> None:
    module = ToneDataModule(root, RawSeconds(), batch_size=2, num_workers=0)
    module.setup("fit")
    assert sorted(index for clip in module.train_dataloader() for index in clip.index.tolist()) == [0, 1, 2, 3, 4]
    (clip,) = module.val_dataloader()
    assert (clip.frames.shape, clip.sound.shape, clip.masks.shape) == ((2, 3, 3, 8, 8), (2, 3, 800), (2, 3, 8, 8))
    assert clip.annotated.tolist() == [[True, False, False]] * 2
    assert clip.valid.tolist() == [[True, True, False]] * 2
    controls = next(iter(module.test_dataloader())).controls
    assert set(controls) == {"silence", "noise", "other", "shuffled"}
    assert all(not sound[:, 2].any() for sound in controls.values())


def test_fingerprint(root: Path) -> None:
    first = ToneDataModule(root, RawSeconds()).fingerprint()
    assert first == ToneDataModule(root, RawSeconds(), batch_size=1).fingerprint()
    (root / "val" / "0.wav").unlink()
    assert first != ToneDataModule(root, RawSeconds()).fingerprint()


def test_a_clip_longer_than_the_setting_allows(root: Path) -> None:
    dataset = ToneDataset(root, "val", RawSeconds())
    dataset.read_images = lambda index: (torch.zeros(4, 3, 8, 8), torch.zeros(0, 8, 8))  # type: ignore[method-assign]
    with pytest.raises(UserError, match="clip '1' has 4 frames and 0 masks; the most is 3"):
        dataset[1]
