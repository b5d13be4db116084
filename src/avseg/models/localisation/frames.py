"""The frames of a training step of a model that learns from pairs of a frame and a sound."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from avseg.data.clip import Clip


class TrainingFrames(NamedTuple):
    """N frames with their masks, and which of them are paired: one of each clip.

    Two frames of one clip in a batch would be a false negative of each other's sound.
    """

    frames: Tensor  # (N, 3, H, W) uint8
    masks: Tensor  # (N, H, W)
    clips: Tensor  # (N,) int64, the clip of each
    seconds: Tensor  # (N,) int64, the position of each in its clip
    paired: Tensor  # (P,) int64, positions in the N, at most one of each clip

    def pair_of_frame(self) -> Tensor:
        """Return the pair (N,) that has the clip of each frame."""
        clips = self.clips[self.paired]  # (P,), in ascending order
        return torch.searchsorted(clips, self.clips)


def training_frames(clip: Clip, *, labelled: bool) -> TrainingFrames:
    """Choose one random frame of each clip, or with `labelled` all annotated frames, of which one is paired."""
    usable = clip.annotated & clip.valid if labelled else clip.valid  # (B, T)
    order = torch.rand(usable.shape, device=usable.device).masked_fill(~usable, -1)
    drawn = order.argmax(1)  # (B,)
    rows = torch.arange(len(drawn), device=drawn.device)
    chosen = torch.zeros_like(usable)
    chosen[rows, drawn] = usable[rows, drawn]  # not of a clip without a usable frame
    clips, seconds = (usable if labelled else chosen).nonzero(as_tuple=True)
    paired = chosen[clips, seconds].nonzero()[:, 0]
    return TrainingFrames(clip.frames[clips, seconds], clip.masks[clips, seconds], clips, seconds, paired)


def sounds_of(clip: Clip, frames: TrainingFrames, *, per_frame: bool) -> Tensor:
    """Select the sound (P, *shape) of every paired frame."""
    clips, seconds = frames.clips[frames.paired], frames.seconds[frames.paired]
    return clip.sound[clips, seconds] if per_frame else clip.sound[clips]


def augment(frames: Tensor, masks: Tensor, enlarge: float) -> tuple[Tensor, Tensor]:
    """Enlarge frames (N, 3, H, W) uint8 with their masks, crop them at random, and flip half of them.

    Args:
        frames: (N, 3, H, W) uint8.
        masks: (N, H, W) uint8.
        enlarge: 1.1 as in the official LVS code, 1 for no crop.

    Returns:
        Frames and masks of the same shape and type.
    """
    height, width = frames.shape[-2:]
    size = (int(height * enlarge), int(width * enlarge))
    large_masks = masks[:, None]
    if size != (height, width):
        large = functional.interpolate(frames.float(), size, mode="bicubic", antialias=True)
        frames = large.round().clamp(0, 255).to(torch.uint8)
        large_masks = functional.interpolate(large_masks, size, mode="nearest-exact")
    pictures: list[Tensor] = []
    labels: list[Tensor] = []
    for frame, mask in zip(frames, large_masks[:, 0], strict=True):
        top = int(torch.randint(size[0] - height + 1, ()))
        left = int(torch.randint(size[1] - width + 1, ()))
        window = (..., slice(top, top + height), slice(left, left + width))
        flip = bool(torch.rand(()) < 0.5)
        pictures.append(frame[window].flip(-1) if flip else frame[window])
        labels.append(mask[window].flip(-1) if flip else mask[window])
    if not pictures:
        return frames[..., :height, :width], masks
    return torch.stack(pictures), torch.stack(labels)
