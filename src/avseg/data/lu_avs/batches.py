"""Batches of long videos: single frames and sounds for training, chunks of a video for evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from avseg.data.clip import TensorBatch


@dataclass
class FrameBatch(TensorBatch):
    """B annotated frames for the visual branches."""

    frames: Tensor  # (B, 3, H, W) uint8 RGB, normalised on the device; zero-padded at the right and bottom to one size
    # B tensors (n_i, H, W) bool, one mask for each visible sounding object; None in batches of boxes
    masks: list[Tensor] | None
    boxes: list[Tensor]  # B tensors (n_i, 4) float32, left, top, right, bottom in pixels
    classes: list[Tensor]  # B tensors (n_i,) int64
    video_classes: list[Tensor]  # B tensors (m_i,) int64, all classes that sound anywhere in the video
    video_id: list[str]
    index: Tensor  # (B,) int64, frame number in the video
    sizes: Tensor  # (B, 2) int64, height and width of each frame without padding


@dataclass
class SoundBatch(TensorBatch):
    """B sounds of S seconds for the audio branch."""

    sound: Tensor  # (B, S, *shape) float32, the item of the front end for each exact second, such as (1, 96, 64)
    targets: Tensor  # (B, S, K) float32, 1 where a class sounds for at least the configured share of the second
    valid: Tensor  # (B, S) bool, False for padded seconds
    video_id: list[str]


@dataclass
class Chunk:
    """A few frames of a video with their ground truth, for evaluation."""

    video_id: str
    index: Tensor  # (n,) int64, frame numbers, ascending
    seconds: Tensor  # (n,) float64, presentation times relative to the first frame
    frames: Tensor  # (n, 3, h, w) uint8 RGB, at the size of the video unless resized
    # by class that sounds in one of these frames, (n, H, W) bool at the size of the video; empty if the video has boxes
    # only
    masks: dict[int, Tensor] = field(default_factory=dict)
    # by class, n tensors (k, 4) float32 in pixels of the video; k = 0 where the class is not visible
    boxes: dict[int, list[Tensor]] = field(default_factory=dict)
    # by class, (n,) bool: True where it is annotated as audible, visible or not
    sounding: dict[int, Tensor] = field(default_factory=dict)


def collate_frames(batches: Sequence[FrameBatch]) -> FrameBatch:
    """Join frame batches; frames and masks are padded at the right and bottom to the largest size."""
    height = max(batch.frames.shape[2] for batch in batches)
    width = max(batch.frames.shape[3] for batch in batches)
    frames: list[Tensor] = []
    masks: list[Tensor] = []
    boxes: list[Tensor] = []
    classes: list[Tensor] = []
    video_classes: list[Tensor] = []
    video_id: list[str] = []
    for batch in batches:
        frames.append(_pad_size(batch.frames, height, width))
        for mask in batch.masks or ():
            masks.append(_pad_size(mask, height, width))
        boxes += batch.boxes
        classes += batch.classes
        video_classes += batch.video_classes
        video_id += batch.video_id
    return FrameBatch(
        frames=torch.cat(frames),  # (B, 3, H, W)
        masks=None if batches[0].masks is None else masks,
        boxes=boxes,
        classes=classes,
        video_classes=video_classes,
        video_id=video_id,
        index=torch.cat([batch.index for batch in batches]),  # (B,)
        sizes=torch.cat([batch.sizes for batch in batches]),  # (B, 2)
    )


def collate_sounds(batches: Sequence[SoundBatch]) -> SoundBatch:
    """Join sound batches; shorter ones are padded with invalid seconds."""
    seconds = max(batch.valid.shape[1] for batch in batches)
    video_id: list[str] = []
    for batch in batches:
        video_id += batch.video_id
    return SoundBatch(
        sound=torch.cat([_pad_seconds(batch.sound, seconds) for batch in batches]),
        targets=torch.cat([_pad_seconds(batch.targets, seconds) for batch in batches]),
        valid=torch.cat([_pad_seconds(batch.valid, seconds) for batch in batches]),
        video_id=video_id,
    )


def _pad_size(images: Tensor, height: int, width: int) -> Tensor:
    """(..., h, w) -> (..., height, width) with zeros at the right and bottom."""
    return torch.nn.functional.pad(images, (0, width - images.shape[-1], 0, height - images.shape[-2]))


def _pad_seconds(tensor: Tensor, seconds: int) -> Tensor:
    """(B, s, ...) -> (B, seconds, ...) with zeros at the end."""
    padding = tensor.new_zeros(len(tensor), seconds - tensor.shape[1], *tensor.shape[2:])
    return torch.cat([tensor, padding], dim=1)
