"""AVSBench as clips: S4, MS3 and AVSS in the official layout, from wav or log-mel files.

Zhou et al., "Audio-Visual Segmentation", ECCV 2022, section 3; AVSS: "Audio-Visual Segmentation with Semantics", 2023.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from avseg.audio.frontend import fit_to_frames
from avseg.audio.log_mel import HOPS, Hop, log_mel_patches, read_wav
from avseg.audio.log_mel_file import read_log_mel
from avseg.data.avsbench.avss import SemanticPictures, read_class_names
from avseg.data.avsbench.layout import AVSSLayout, ClipEntry, Layout, layout_for
from avseg.data.clip import Clip
from avseg.data.palette import Stray
from avseg.media.images import ImageRule, read_frames, read_masks, squash
from avseg.utils.errors import UserError, nearest

Audio = Literal["auto", "wav", "log_mel"]
AUDIOS = ("auto", "wav", "log_mel")
_ONE_CHANNEL = ("1", "L", "P", "I", "I;16")


class AVSBenchDataset(Dataset[Clip]):
    """Clips of one split; each item is a batch of one.

    S4 training clips are annotated on the first frame only; AVSS clips of 5 seconds are padded to 10 with black frames,
    silent patches of zeros and `valid` False, as in the official reader.

    Args:
        root: the folder that holds the index file.
        setting: "s4", "ms3" or "avss".
        split: "train", "val" or "test".
        image_size: side of frames and masks in pixels; others on disk are resized (frames bilinear, masks nearest).
        audio: "wav", "log_mel" (the released files), or "auto": the wav where there is one, else the log-mel file.
        hop: "vggish" or "second", see `audio.log_mel_patches`; the released log-mel files have "vggish".
        stray: AVSS: what to do with colours of no class, see `palette.class_indices`.

    Raises:
        UserError: an unknown choice, missing data, no clip in the split; on reading, any damaged file.
    """

    def __init__(
        self,
        root: Path | str,
        setting: str,
        split: str,
        image_size: int = 224,
        audio: Audio = "auto",
        hop: Hop = "vggish",
        stray: Stray = "background",
    ) -> None:
        _check_choice("audio", audio, AUDIOS)
        _check_choice("hop", hop, HOPS)
        if audio == "log_mel" and hop != "vggish":
            raise UserError("the released log-mel files have hop 'vggish'; set `data.hop=vggish` or `data.audio=wav`")
        if image_size < 1:
            raise UserError(f"image_size {image_size} is not a number of pixels; 224 is the paper's")
        self.layout = layout_for(setting, root)
        self.split, self.audio, self.hop = split, audio, hop
        self.entries = self.layout.entries(split)
        if not self.entries:
            raise UserError(f"{self.layout.index_file} has no clip of split '{split}'; check its column 'split'")
        self.rule = _rule(self.layout, split, image_size, stray)

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.entries)

    @property
    def clip_length(self) -> int:
        """T, frames and seconds of a clip: 5, AVSS 10."""
        return self.layout.clip_length

    def __getitem__(self, index: int) -> Clip:
        """The clip as a batch of one."""
        entry = self.entries[index]
        paths = self.layout.frames(entry)
        frames, sizes = read_frames(paths, self.rule)
        masks = read_masks(self.layout.masks(entry), self.rule, sizes)
        length = self.clip_length
        return Clip(
            frames=_padded(frames, length).unsqueeze(0),
            sound=self.patches(index).unsqueeze(0),
            masks=_padded(masks, length).unsqueeze(0),
            annotated=_first(len(masks), length),
            valid=_first(len(frames), length),
            video_id=[entry.name],
            category=[entry.category],
            index=torch.tensor([index]),
        )

    def seconds(self, index: int) -> int:
        """Number of frames that exist."""
        return len(self.layout.frames(self.entries[index]))

    def patches(self, index: int) -> Tensor:
        """The clip's sound, (T, 1, 96, 64) float32: one patch for each existing frame, then zeros.

        Raises:
            UserError: the file is missing or damaged.
        """
        patches = fit_to_frames(self._read_patches(self.entries[index]), self.seconds(index))
        return _padded(patches, self.clip_length)

    def _read_patches(self, entry: ClipEntry) -> Tensor:
        wav, log_mel = self.layout.wav(entry), self.layout.log_mel(entry)
        if self.audio == "log_mel" or (self.audio == "auto" and log_mel.is_file() and not wav.is_file()):
            if self.hop != "vggish":
                raise UserError(f"{wav} is missing, and {log_mel} has hop 'vggish'; set `data.hop=vggish`")
            return read_log_mel(log_mel)
        waveform, rate = read_wav(wav)
        return log_mel_patches(waveform, rate, self.hop)


@dataclass(frozen=True)
class ObjectPictures:
    """The pictures of AVSBench-object, squashed to the size; masks are black and white (S4) or of a palette (MS3).

    Attributes:
        image_size: side in pixels.
        black_white: True for S4, whose masks are read in mode "1": a pixel is sounding from half brightness on. In MS3
            every index but 0 is sounding (the released masks use 255).
    """

    image_size: int
    black_white: bool

    def fit(self, picture: Image.Image, resample: Image.Resampling) -> Image.Image:
        """The picture at `image_size` x `image_size`."""
        return squash(picture, self.image_size, resample)

    def fit_mask(self, mask: Image.Image) -> Image.Image:
        """The mask at `image_size` x `image_size`, nearest neighbour."""
        return self.fit(mask, Image.Resampling.NEAREST)

    def labels(self, mask: Image.Image) -> npt.NDArray[np.uint8]:
        """(H, W), 1 = sounding."""
        if self.black_white:
            return np.array(mask.convert("1", dither=Image.Dither.NONE), dtype=np.uint8)
        values = np.asarray(mask if mask.mode in _ONE_CHANNEL else mask.convert("RGB"))
        return np.asarray(values.reshape(mask.height, mask.width, -1).any(-1), dtype=np.uint8)


def class_names(layout: Layout) -> tuple[str, ...]:
    """AVSS: the class names by index, background first; () for the others.

    Raises:
        UserError: see `avss.read_class_names`.
    """
    return read_class_names(layout.label_file) if isinstance(layout, AVSSLayout) else ()


def _rule(layout: Layout, split: str, image_size: int, stray: Stray) -> ImageRule:
    if isinstance(layout, AVSSLayout):
        return SemanticPictures(image_size, len(class_names(layout)), crop=split == "train", stray=stray)
    return ObjectPictures(image_size, black_white=layout.setting == "s4")


def _check_choice(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UserError(f"data.{key} '{value}' is unknown; allowed: {', '.join(allowed)}{nearest(value, allowed)}")


def _padded(tensor: Tensor, length: int) -> Tensor:
    """(n, ...) -> (length, ...) with zeros at the end."""
    if tensor.shape[0] == length:
        return tensor
    return torch.cat([tensor, tensor.new_zeros(length - tensor.shape[0], *tensor.shape[1:])])


def _first(count: int, length: int) -> Tensor:
    """(1, length) bool, the first `count` True."""
    return (torch.arange(length) < count).unsqueeze(0)
