"""The base class of data sets of clips: a subclass reads files, the base class builds `Clip`s of equal length."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from avseg.audio.frontend import FrontEnd, NoSound, clip_sound
from avseg.data.clip import Clip
from avseg.data.setting import ClipEntry, ClipSetting
from avseg.utils.errors import UserError


class ClipDataset(Dataset[Clip], ABC):
    """Clips of one split in order; each item is a batch of one.

    A subclass implements `read_images` and `read_waveform`, and `seconds` if clips can be shorter than T. Shorter clips
    are padded to T with zeros as frames and sound, and `valid` False. With the front end `NoSound` no sound is read.
    """

    def __init__(self, entries: Sequence[ClipEntry], setting: ClipSetting, frontend: FrontEnd) -> None:
        self.entries = entries
        self.setting = setting
        self.frontend = frontend

    @abstractmethod
    def read_images(self, index: int) -> tuple[Tensor, Tensor]:
        """Read frames (n, 3, H, W) uint8 and the masks (m, H, W) uint8 of the first m frames, m <= n <= T.

        Raises:
            UserError: a file is missing or damaged.
        """

    @abstractmethod
    def read_waveform(self, index: int) -> tuple[Tensor, int]:
        """Read the sound: waveform (channels, samples) in [-1, 1], and sample rate in Hz.

        Raises:
            UserError: the file is missing or damaged.
        """

    def seconds(self, index: int) -> int:
        """Return the number of frames that exist, n."""
        return self.setting.clip_length

    def read_items(self, index: int) -> Tensor:
        """Compute the items (P, *shape) of the front end for the clip's sound."""
        return self.frontend(*self.read_waveform(index))

    def sound(self, index: int) -> Tensor:
        """Return the sound as the model gets it, (T, *shape), or (*shape) where one item covers the clip."""
        if isinstance(self.frontend, NoSound):
            return torch.zeros(self.setting.clip_length, 1)
        items = self.read_items(index)
        seconds, length = self.seconds(index), self.setting.clip_length
        return clip_sound(items, self.frontend, seconds, length, repeat=self.setting.repeat_sound)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes by index; empty for sounding or not."""
        return ()

    def sound_file(self, index: int) -> Path | None:
        """The wav file of a clip, for dashboards; None if there is none."""
        return None

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Clip:
        """Read a clip as a batch of one; raises `UserError` if a file is missing or damaged."""
        frames, masks = self.read_images(index)
        entry = self.entries[index]
        length = self.setting.clip_length
        if not len(masks) <= len(frames) <= length:
            text = f"clip '{entry.name}' has {len(frames)} frames and {len(masks)} masks; the most is {length}"
            raise UserError(text)
        return Clip(
            frames=_pad(frames, length).unsqueeze(0),  # (1, T, 3, H, W)
            sound=self.sound(index).unsqueeze(0),  # (1, T, *shape)
            masks=_pad(masks, length).unsqueeze(0),  # (1, T, H, W)
            annotated=first_true([len(masks)], length),  # (1, T)
            valid=first_true([len(frames)], length),
            video_id=[entry.name],
            category=[entry.category],
            index=torch.tensor([index]),
        )


def first_true(counts: Sequence[int], length: int) -> Tensor:
    """Return (B, length) bool; in row b the first `counts[b]` are True."""
    return torch.arange(length) < torch.tensor(counts).unsqueeze(1)


def _pad(tensor: Tensor, length: int) -> Tensor:
    """Pad (n, ...) to (length, ...) with zeros."""
    if tensor.shape[0] == length:
        return tensor
    return torch.cat([tensor, tensor.new_zeros(length - tensor.shape[0], *tensor.shape[1:])])
