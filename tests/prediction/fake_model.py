"""A model with a predictable output that remembers its input."""

from types import SimpleNamespace

import torch
from torch import Tensor

from avseg.audio.frontend import LogMel


class FakeModel(torch.nn.Module):
    """Marks the left half of a frame if the sound item of its second is loud; remembers the clips.

    The probability is 0.9 on the marked half and 0.1 elsewhere.
    """

    def __init__(self, clip_length: int = 5, image_size: int = 64) -> None:
        super().__init__()
        self.clip_length = clip_length
        self.image_size = image_size
        self.frontend = LogMel("second")
        self.config = SimpleNamespace(trained=True)
        self.frames: list[Tensor] = []
        self.loud: list[Tensor] = []

    def predict_batch(self, frames: Tensor, sound: Tensor) -> Tensor:
        assert frames.dtype == torch.uint8
        assert frames.shape[1:] == (self.clip_length, 3, self.image_size, self.image_size)
        assert sound.shape == (len(frames), self.clip_length, 1, 96, 64)
        loud = sound.amax((2, 3, 4)) > -1
        self.frames.append(frames.clone())
        self.loud.append(loud)
        maps = torch.full((len(frames), self.clip_length, self.image_size, self.image_size), 0.1)
        maps[..., : self.image_size // 2] += 0.8 * loud[..., None, None]
        return maps
