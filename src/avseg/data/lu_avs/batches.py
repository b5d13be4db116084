"""What the branches learn from, and what they are evaluated on: frames, seconds of sound, chunks of a stream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import torch
from torch import Tensor

Batch = TypeVar("Batch")


@dataclass
class FrameBatch:
    """B annotated frames, for the visual branches.

    Attributes:
        frames: (B, 3, H, W) uint8 RGB, normalised on the device; smaller ones are padded right and below with 0.
        masks: B tensors (n_i, H, W) bool, one for each sounding object that is seen; None in batches for boxes.
        boxes: B tensors (n_i, 4) float32, left, top, right, bottom in pixels.
        classes: B tensors (n_i,) int64.
        video_classes: B tensors (m_i,) int64, all classes that sound anywhere in the video.
        video_id: B names.
        index: (B,) int64, the frames' numbers in their videos.
        sizes: (B, 2) int64, height and width of each frame without the padding.
    """

    frames: Tensor
    masks: list[Tensor] | None
    boxes: list[Tensor]
    classes: list[Tensor]
    video_classes: list[Tensor]
    video_id: list[str]
    index: Tensor
    sizes: Tensor

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.video_id)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "FrameBatch":
        """The same batch on another device."""
        return _mapped(self, lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "FrameBatch":
        """The same batch in page-locked memory; called by the DataLoader."""
        return _mapped(self, lambda tensor: tensor.pin_memory())


@dataclass
class SoundBatch:
    """B stretches of sound of S seconds, for the audio branch.

    Attributes:
        patches: (B, S, 1, 96, 64) float32, the log-mel patch of each exact second.
        targets: (B, S, K) float32, 1 where a class sounds for at least the given share of that second.
        valid: (B, S) bool, seconds that exist; the others are padded with 0.
        video_id: B names.
    """

    patches: Tensor
    targets: Tensor
    valid: Tensor
    video_id: list[str]

    def __len__(self) -> int:
        """Number of stretches."""
        return len(self.video_id)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "SoundBatch":
        """The same batch on another device."""
        return _mapped(self, lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "SoundBatch":
        """The same batch in page-locked memory; called by the DataLoader."""
        return _mapped(self, lambda tensor: tensor.pin_memory())


@dataclass
class Chunk:
    """A few frames of a video with their ground truth, for evaluation.

    Attributes:
        video_id: the video.
        index: (n,) int64, the frames' numbers, ascending.
        seconds: (n,) float64, when they are shown, from the first frame.
        frames: (n, 3, h, w) uint8 RGB, at the video's size unless a short side was asked for.
        masks: by class that sounds in one of these frames, (n, H, W) bool at the video's own size; empty where the
            video has boxes alone.
        boxes: by class, n tensors (k, 4) float32 in pixels of the video's own size; k = 0 where none is seen.
        sounding: by class, (n,) bool: whether it is annotated as audible, seen or not.
    """

    video_id: str
    index: Tensor
    seconds: Tensor
    frames: Tensor
    masks: dict[int, Tensor] = field(default_factory=dict)
    boxes: dict[int, list[Tensor]] = field(default_factory=dict)
    sounding: dict[int, Tensor] = field(default_factory=dict)


def collate_frames(batches: Sequence[FrameBatch]) -> FrameBatch:
    """Joins frame batches; frames and masks are padded right and below to the largest of them."""
    height, width = (max(batch.frames.shape[axis] for batch in batches) for axis in (2, 3))
    masks = [_padded(mask, height, width) for batch in batches for mask in batch.masks or ()]
    return FrameBatch(
        frames=torch.cat([_padded(batch.frames, height, width) for batch in batches]),
        masks=None if batches[0].masks is None else masks,
        boxes=[boxes for batch in batches for boxes in batch.boxes],
        classes=[classes for batch in batches for classes in batch.classes],
        video_classes=[classes for batch in batches for classes in batch.video_classes],
        video_id=[name for batch in batches for name in batch.video_id],
        index=torch.cat([batch.index for batch in batches]),
        sizes=torch.cat([batch.sizes for batch in batches]),
    )


def collate_sounds(batches: Sequence[SoundBatch]) -> SoundBatch:
    """Joins sound batches; shorter ones are padded with seconds that are not valid."""
    longest = max(batch.valid.shape[1] for batch in batches)

    def joined(parts: list[Tensor]) -> Tensor:
        return torch.cat(
            [torch.cat([p, p.new_zeros(len(p), longest - p.shape[1], *p.shape[2:])], dim=1) for p in parts]
        )

    return SoundBatch(
        patches=joined([batch.patches for batch in batches]),
        targets=joined([batch.targets for batch in batches]),
        valid=joined([batch.valid for batch in batches]),
        video_id=[name for batch in batches for name in batch.video_id],
    )


def _padded(pictures: Tensor, height: int, width: int) -> Tensor:
    """(..., h, w) -> (..., height, width) with zeros right and below."""
    return torch.nn.functional.pad(pictures, (0, width - pictures.shape[-1], 0, height - pictures.shape[-2]))


def _mapped(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """The batch with every tensor in it changed."""

    def change(value: Any) -> Any:
        if isinstance(value, list):
            return [change(entry) for entry in value]
        return function(value) if isinstance(value, Tensor) else value

    return type(batch)(**{item.name: change(getattr(batch, item.name)) for item in fields(batch)})  # type: ignore[arg-type]
