"""Images with the boxes of their sound sources as clips of one frame."""

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from avseg.audio.frontend import FrontEnd
from avseg.audio.log_mel import read_wav
from avseg.data.dataset import ClipDataset
from avseg.data.localisation.boxes import Box, flickr_truth, read_flickr, read_vgg_ss, vgg_ss_truth
from avseg.data.localisation.config import BoxesConfig
from avseg.data.setting import ClipEntry, ClipSetting
from avseg.media.frame_index import frame_index
from avseg.media.images import open_image, squash
from avseg.media.sound_reader import RATE, sound_seconds
from avseg.media.upright import UprightRGB
from avseg.utils.errors import UserError

log = logging.getLogger("avseg")

FULL, HALF = 1, 2  # values of masks: enough annotators agree, or half as many as needed (`avseg.metrics`)


class Sources(NamedTuple):
    """The files of an image and its sound: a video may be both."""

    frame: Path
    sound: Path


class BoxesDataset(ClipDataset):
    """The annotated images of VGG-SS or Flickr-SoundNet in the order of the annotations.

    Images are squashed to a square, on which the boxes are drawn; masks are 1 where boxes are, and 2 where a single
    annotator of Flickr-SoundNet drew one. A model that hears a second per frame gets the middle one. Images whose files
    are missing are left out.

    Raises:
        UserError: annotations that are missing or damaged, no image at all.
    """

    def __init__(self, config: BoxesConfig, setting: ClipSetting, frontend: FrontEnd) -> None:
        self.root = Path(config.root).expanduser()
        self.config = config
        annotated = self._read_annotations()
        self.boxes: dict[str, list[Box]] = {}
        self.sources: dict[str, Sources] = {}
        for name, boxes in annotated.items():
            if (sources := self._find(name)) is not None:
                self.boxes[name], self.sources[name] = boxes, sources
        if not self.boxes:
            raise UserError(
                f"{self.root} has neither frames/NAME.jpg and audio/NAME.wav nor videos/NAME.mp4 of any of "
                f"{len(annotated)} annotated clips, such as '{next(iter(annotated), '')}'"
            )
        if len(self.boxes) < len(annotated):
            log.info(
                "data: %d of %d annotated clips have files; the others are left out", len(self.boxes), len(annotated)
            )
        super().__init__([ClipEntry(name, split="test") for name in self.boxes], setting, frontend)

    def seconds(self, index: int) -> int:
        """Return 1, the frame."""
        return 1

    def read_images(self, index: int) -> tuple[Tensor, Tensor]:
        """Read the frame (1, 3, S, S) and its mask (1, S, S)."""
        name, side = self.entries[index].name, self.config.side
        image = self._picture(self.sources[name].frame)
        frame = np.asarray(squash(image, side, Image.Resampling.BILINEAR)).copy()
        if self.config.setting == "vgg_ss":
            mask = vgg_ss_truth(self.boxes[name], side).astype(np.uint8) * FULL
        else:
            truth = flickr_truth(self.boxes[name], side)
            mask = np.select([truth >= 1, truth > 0], [FULL, HALF], 0).astype(np.uint8)
        return torch.from_numpy(frame).movedim(-1, 0)[None], torch.from_numpy(mask)[None]

    def read_waveform(self, index: int) -> tuple[Tensor, int]:
        """Read the whole sound, or its middle second for a model that hears one second per frame."""
        path = self.sources[self.entries[index].name].sound
        if path.parent.name == "videos":
            seconds = list(sound_seconds(frame_index(path).video))
            waveform, rate = torch.from_numpy(np.concatenate(seconds))[None], RATE
        else:
            waveform, rate = read_wav(path)
        if not self.frontend.per_frame:
            return waveform, rate
        start = max(0, (waveform.shape[-1] - rate) // 2)
        return waveform[:, start : start + rate], rate

    def _read_annotations(self) -> dict[str, list[Box]]:
        path = self.root / self.config.annotations
        if self.config.setting == "vgg_ss":
            return read_vgg_ss(path)
        files = sorted(path.glob("*.xml"))
        if not files:
            raise UserError(f"{path} has no xml file; set data.root to the folder that holds the annotations")
        return {file.stem: read_flickr(file) for file in files}

    def _find(self, name: str) -> Sources | None:
        video = self.root / "videos" / f"{name}.mp4"
        if video.is_file():
            return Sources(video, video)
        frames = [self.root / "frames" / f"{name}{suffix}" for suffix in (".jpg", ".png", ".jpeg")]
        sounds = [self.root / "audio" / f"{name}{suffix}" for suffix in (".wav", ".flac")]
        frame = next((path for path in frames if path.is_file()), None)
        sound = next((path for path in sounds if path.is_file()), None)
        return Sources(frame, sound) if frame and sound else None

    @staticmethod
    def _picture(path: Path) -> Image.Image:
        if path.parent.name != "videos":
            return open_image(path).convert("RGB")
        index = frame_index(path)
        video = index.video
        middle = index.shown_at(np.array([video.duration / 2]))
        upright = UprightRGB(video.view, video.height, video.width)
        return Image.fromarray(upright(next(index.decode(middle.tolist())).image))
