"""AVSBench as clips: S4, MS3 and AVSS in the official layout, with sound from wav or log-mel files.

Zhou et al., "Audio-Visual Segmentation", ECCV 2022, section 3; AVSS: "Audio-Visual Segmentation with Semantics", 2023.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from avseg.audio.frontend import FrontEnd, LogMel, NoSound, is_released_log_mel
from avseg.audio.log_mel import read_wav
from avseg.audio.log_mel_file import read_log_mel
from avseg.data.avsbench.avss import SemanticImages, class_names
from avseg.data.avsbench.config import AudioFiles
from avseg.data.avsbench.layout import Layout, layout_for
from avseg.data.dataset import ClipDataset
from avseg.data.palette import Stray
from avseg.data.setting import ClipEntry
from avseg.media.images import ImageRule, read_frames, read_masks, squash
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

# modes of PIL with one value per pixel; in a palette image the index counts, not its colour
_ONE_CHANNEL = ("1", "L", "P", "I", "I;16")
_RELEASED_LOG_MEL = LogMel()


class AVSBenchDataset(ClipDataset):
    """Clips of one split of AVSBench; frames and masks are resized to `image_size` squares (bilinear, masks nearest).

    S4 training clips are annotated on the first frame only; AVSS clips of 5 seconds are padded to 10.

    Raises:
        UserError: an unknown choice, missing data, or a split without clips; on reading, any damaged file.
    """

    entries: list[ClipEntry]

    def __init__(
        self,
        root: Path | str,
        setting: str,
        split: str,
        image_size: int = 224,
        audio: AudioFiles = "auto",  # released log-mel files serve `LogMel` with hop "vggish" alone
        frontend: FrontEnd = _RELEASED_LOG_MEL,
        stray: Stray = "background",
        mask_size: int | None = None,  # side of the masks; None for `image_size`
    ) -> None:
        # checked before any file is read
        check_choice("data.audio", audio, get_args(AudioFiles))
        if audio == "log_mel" and not isinstance(frontend, NoSound) and not is_released_log_mel(frontend):
            raise UserError(
                f"data.audio=log_mel: the released files hold {_RELEASED_LOG_MEL.name}, but the model reads "
                f"{frontend.name}; set data.audio=wav or audio.hop=vggish"
            )
        if image_size < 1:
            raise UserError(f"image_size {image_size} is not a number of pixels; the paper has 224")
        self.layout = layout_for(setting, root)
        self.split = split
        self.audio = audio
        entries = self.layout.entries(split)
        if not entries:
            raise UserError(f"{self.layout.index_file} has no clip of split '{split}'; check its column 'split'")
        self.rule = _image_rule(self.layout, split, image_size, mask_size or image_size, stray)
        super().__init__(entries, self.layout.setting, frontend)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of AVSS's classes by index; empty for S4 and MS3."""
        return class_names(self.layout)

    def sound_file(self, index: int) -> Path | None:
        """The wav file of a clip; None for a release with log-mel files alone."""
        path = self.layout.wav(self.entries[index])
        return path if path.is_file() else None

    def seconds(self, index: int) -> int:
        """Return the number of frames that exist."""
        return len(self.layout.frames(self.entries[index]))

    def read_images(self, index: int) -> tuple[Tensor, Tensor]:
        """Read frames (n, 3, H, W) and the masks (m, H, W) of the first m frames; see `ClipDataset`."""
        entry = self.entries[index]
        frames, sizes = read_frames(self.layout.frames(entry), self.rule)  # (n, 3, H, W)
        return frames, read_masks(self.layout.masks(entry), self.rule, sizes)

    def read_waveform(self, index: int) -> tuple[Tensor, int]:
        """Read the wav file; see `ClipDataset`."""
        return read_wav(self.layout.wav(self.entries[index]))

    def read_items(self, index: int) -> Tensor:
        """Compute the items of the front end from the wav, or read the released log-mel patches."""
        entry = self.entries[index]
        if not self.reads_log_mel(entry):
            return super().read_items(index)
        path = self.layout.log_mel(entry)
        if not is_released_log_mel(self.frontend):
            raise UserError(
                f"{self.layout.wav(entry)} is missing, and {path} holds {_RELEASED_LOG_MEL.name} instead of "
                f"{self.frontend.name}; add the wav, or set audio.hop=vggish"
            )
        return read_log_mel(path)

    def reads_log_mel(self, entry: ClipEntry, audio: AudioFiles | None = None) -> bool:
        """True if the sound of a clip comes from its log-mel file instead of its wav, by a choice of `audio`."""
        audio = audio or self.audio
        if audio == "auto":
            return self.layout.log_mel(entry).is_file() and not self.layout.wav(entry).is_file()
        return audio == "log_mel"


@dataclass(frozen=True)
class ObjectImages:
    """The image rule of AVSBench-object: everything is squashed to a square; masks say where something sounds."""

    image_size: int  # side in pixels
    mask_size: int  # of masks
    # True for S4, whose masks are read in mode "1": a pixel is sounding from half brightness on. In MS3 every index but
    # 0 is sounding (the released masks use 255).
    black_white: bool

    def fit(self, image: Image.Image, resample: Image.Resampling) -> Image.Image:
        """Resize an image to `image_size` x `image_size`."""
        return squash(image, self.image_size, resample)

    def fit_mask(self, mask: Image.Image) -> Image.Image:
        """Resize a mask to `mask_size` x `mask_size`, nearest neighbour."""
        return squash(mask, self.mask_size, Image.Resampling.NEAREST)

    def labels(self, mask: Image.Image) -> npt.NDArray[np.uint8]:
        """Return (H, W), 1 = sounding."""
        if self.black_white:
            # without dithering, which would scatter grey pixels
            return np.array(mask.convert("1", dither=Image.Dither.NONE), dtype=np.uint8)
        values = np.asarray(mask if mask.mode in _ONE_CHANNEL else mask.convert("RGB"))
        values = values.reshape(mask.height, mask.width, -1)  # (H, W, channels)
        return np.asarray(values.any(-1), dtype=np.uint8)


def _image_rule(layout: Layout, split: str, image_size: int, mask_size: int, stray: Stray) -> ImageRule:
    if layout.setting.mask_coding == "class_colours":
        classes = len(class_names(layout))
        return SemanticImages(image_size, classes, crop=split == "train", mask_size=mask_size, stray=stray)
    return ObjectImages(image_size, mask_size, black_white=layout.setting.mask_coding == "black_white")
