"""Base of the Lightning modules that localise a sound in an image: what they encode, and the sound of each frame."""

from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn import functional

from avseg.data.clip import Clip
from avseg.models.base import Prediction
from avseg.models.localisation.maps import MapModule
from avseg.nn.normalise import normalise


class LocalisationModule(MapModule):
    """A model that compares an encoded image with an encoded sound, and gives a map."""

    @abstractmethod
    def encode_images(self, images: Tensor) -> Tensor:
        """Encode normalised images (N, 3, H, W) as maps (N, C, h, w)."""

    @abstractmethod
    def encode_sounds(self, sounds: Tensor) -> Tensor:
        """Encode items of the front end (N, *shape) as maps (N, C, h, w)."""

    @abstractmethod
    def localise(self, image_map: Tensor, audio_map: Tensor, size: tuple[int, int]) -> Tensor:
        """Compute logits (N, H, W) of the maps of N pairs."""

    def encode(self, frames: Tensor) -> Tensor:
        """Encode frames (B, T, 3, H, W) uint8 as maps (B, T, C, h, w)."""
        maps = self.encode_images(self.images(frames.flatten(0, 1)))
        return maps.reshape(*frames.shape[:2], *maps.shape[1:])

    def decode(self, features: Tensor, clip: Clip) -> Prediction:
        """Localise every frame's sound: its second's, or that of the whole clip."""
        batch, length = features.shape[:2]
        assert self.frontend is not None
        if self.frontend.per_frame:
            sounds = self.encode_sounds(clip.sound.flatten(0, 1))
        else:
            sounds = self.encode_sounds(clip.sound).repeat_interleave(length, dim=0)  # (B * T, C, h, w)
        size = (clip.frames.shape[-2], clip.frames.shape[-1])
        logits = self.localise(features.flatten(0, 1), sounds, size)  # (B * T, H, W)
        return Prediction(logits.reshape(batch, length, 1, *size))

    def images(self, frames: Tensor) -> Tensor:
        """Normalise frames (N, 3, H, W) uint8, at the size of the network."""
        size: int | None = self.config.input_size  # type: ignore[attr-defined]
        images = normalise(frames)
        if size is None or frames.shape[-2:] == (size, size):
            return images
        return functional.interpolate(images, (size, size), mode="bilinear", align_corners=False)


def no_prediction(clip: Clip) -> Tensor:
    """Logits (B, T, 1, H, W) of a training step, which computes none; they take no memory."""
    batch, length, _, height, width = clip.frames.shape
    return torch.zeros((), device=clip.frames.device).expand(batch, length, 1, height, width)
