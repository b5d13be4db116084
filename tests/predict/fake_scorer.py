"""A scorer whose answer can be foretold: it tells what it was given."""

import torch
from torch import Tensor


class FakeScorer(torch.nn.Module):
    """Marks the left half of a frame in a clip if its patch is loud; remembers the clips.

    The probability is 0.9 on the marked half and 0.1 elsewhere.
    """

    def __init__(self, clip_length: int = 5, image_size: int = 64) -> None:
        super().__init__()
        self.clip_length = clip_length
        self.image_size = image_size
        self.hop = "second"
        self.frames: list[Tensor] = []
        self.loud: list[Tensor] = []

    def predict_clip(self, frames: Tensor, audio: Tensor) -> Tensor:
        assert frames.dtype == torch.uint8
        assert frames.shape[1:] == (self.clip_length, 3, self.image_size, self.image_size)
        assert audio.shape == (len(frames), self.clip_length, 1, 96, 64)
        loud = audio.amax((2, 3, 4)) > -1
        self.frames.append(frames.clone())
        self.loud.append(loud)
        maps = torch.full((len(frames), self.clip_length, self.image_size, self.image_size), 0.1)
        maps[..., : self.image_size // 2] += 0.8 * loud[..., None, None]
        return maps
