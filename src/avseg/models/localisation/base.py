"""Base of the Lightning modules that localise a sound in an image: what they encode, and the sound of each frame."""

from abc import abstractmethod
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from avseg.data.clip import Clip
from avseg.models.base import Prediction
from avseg.models.localisation.config import LocalisationConfig
from avseg.models.localisation.frames import TrainingFrames, augment, sounds_of, training_frames
from avseg.models.localisation.maps import MapModule
from avseg.nn.normalise import normalise
from avseg.nn.resnet18 import ResNet18


class Encoders(Protocol):
    """A network with an encoder of images and one of sounds."""

    image_encoder: ResNet18
    audio_encoder: ResNet18


class EncodedFrames(NamedTuple):
    """Encodings of a training step: N frames, and one pair of each clip."""

    chosen: TrainingFrames
    images: Tensor  # (N, 3, h, w), input of the network
    masks: Tensor  # (N, H, W)
    image_map: Tensor  # (N, C, h', w')
    audio_map: Tensor  # (P, C, h", w"), of the pairs


class LocalisationModule(MapModule):
    """A model that compares an encoded image with an encoded sound, and gives a map."""

    config: LocalisationConfig
    net: Encoders

    @abstractmethod
    def localise(self, image_map: Tensor, audio_map: Tensor, size: tuple[int, int]) -> Tensor:
        """Compute logits (N, H, W) of the maps of N pairs."""

    @property
    def per_frame(self) -> bool:
        """True if each frame hears its own second."""
        assert self.frontend is not None
        return self.frontend.per_frame

    def encode_images(self, images: Tensor) -> Tensor:
        """Encode normalised images (N, 3, H, W) as maps (N, C, h, w)."""
        features: Tensor = self.net.image_encoder(images)
        return features

    def encode_sounds(self, sounds: Tensor) -> Tensor:
        """Encode items of the front end (N, *shape) as maps (N, C, h, w)."""
        features: Tensor = self.net.audio_encoder(sounds)
        return features

    def encode(self, frames: Tensor) -> Tensor:
        """Encode frames (B, T, 3, H, W) uint8 as maps (B, T, C, h, w)."""
        maps = self.encode_images(self.images(frames.flatten(0, 1)))
        return maps.reshape(*frames.shape[:2], *maps.shape[1:])

    def decode(self, features: Tensor, clip: Clip) -> Prediction:
        """Localise every frame's sound: its second's, or that of the whole clip."""
        batch, length = features.shape[:2]
        if self.per_frame:
            sounds = self.encode_sounds(clip.sound.flatten(0, 1))
        else:
            sounds = self.encode_sounds(clip.sound).repeat_interleave(length, dim=0)  # (B * T, C, h, w)
        size = (clip.frames.shape[-2], clip.frames.shape[-1])
        logits = self.localise(features.flatten(0, 1), sounds, size)  # (B * T, H, W)
        return Prediction(logits.reshape(batch, length, 1, *size))

    def encode_training(self, clip: Clip, enlarge: float) -> EncodedFrames:
        """Encode the frames that the losses read, and the sound of one of each clip; `enlarge` is that of `augment`."""
        chosen = training_frames(clip, labelled=self.config.supervised)
        frames, masks = chosen.frames, chosen.masks
        if self.config.augment:
            frames, masks = augment(frames, masks, enlarge)
        images = self.images(frames)
        audio_map = self.encode_sounds(sounds_of(clip, chosen, per_frame=self.per_frame))
        return EncodedFrames(chosen, images, masks, self.encode_images(images), audio_map)

    def sound_of_frames(self, clip: Clip, encoded: EncodedFrames) -> Tensor:
        """Return the encoded sound (N, C, h, w) of each frame: of its second, or of its clip."""
        chosen = encoded.chosen
        if self.per_frame:
            return self.encode_sounds(clip.sound[chosen.clips, chosen.seconds])
        return encoded.audio_map[chosen.pair_of_frame()]

    def images(self, frames: Tensor) -> Tensor:
        """Normalise frames (N, 3, H, W) uint8, at the size of the network."""
        size = self.config.input_size
        images = normalise(frames)
        if size is None or frames.shape[-2:] == (size, size):
            return images
        return functional.interpolate(images, (size, size), mode="bilinear", align_corners=False)


def no_prediction(clip: Clip) -> Tensor:
    """Logits (B, T, 1, H, W) of a training step, which computes none; they take no memory."""
    batch, length, _, height, width = clip.frames.shape
    return torch.zeros((), device=clip.frames.device).expand(batch, length, 1, height, width)
