"""The clip batch: one typed object for every data set, so that one loss and one metric serve all settings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Self

import torch
from torch import Tensor


class TensorBatch:
    """Device transfer of a dataclass of tensors, and of lists and dictionaries of tensors."""

    video_id: list[str]

    def __len__(self) -> int:
        return len(self.video_id)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """Return the batch on another device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """Return the batch in page-locked memory; called by the DataLoader."""
        return self._map(torch.Tensor.pin_memory)

    def _map(self, function: Callable[[Tensor], Tensor]) -> Self:
        values: dict[str, object] = {}
        for item in fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            value = getattr(self, item.name)
            if isinstance(value, Tensor):
                value = function(value)
            elif isinstance(value, list):
                value = [function(entry) if isinstance(entry, Tensor) else entry for entry in value]
            elif isinstance(value, dict):
                value = dict(zip(value, map(function, value.values()), strict=True))
            values[item.name] = value
        return type(self)(**values)


@dataclass
class Clip(TensorBatch):
    """A batch of B clips of T frames. A single clip is a batch of one."""

    frames: Tensor  # (B, T, 3, H, W) uint8 RGB, normalised on the device
    # what the model's front end computed, one item per frame (B, T, *shape), such as (B, T, 1, 96, 64) log-mel patches;
    # (B, *shape) where one item covers the whole clip; (B, T, 128) where embeddings are precomputed
    sound: Tensor
    masks: Tensor  # (B, T, H, W) uint8, 1 = sounding (AVSS: class index)
    annotated: Tensor  # (B, T) bool, frames that carry a label (S4 training: the first only)
    valid: Tensor  # (B, T) bool, frames that exist (AVSS pads 5 to 10)
    video_id: list[str]  # B names
    category: list[str]  # B categories; empty text where the data set has none
    # (B,) int64, position of the clip in its split; it makes metrics independent of batches and processes
    index: Tensor
    # other sounds for the same frames, shaped like `sound` (`avseg.data.controls`); none in training
    controls: dict[str, Tensor] = field(default_factory=dict)


def collate_clips(clips: Sequence[Clip]) -> Clip:
    """Join at least one batch of clips of equal T, H and W, with the same control names, into one batch, in order."""
    if len(clips) == 1:
        return clips[0]  # no copy
    video_ids: list[str] = []
    categories: list[str] = []
    for clip in clips:
        video_ids += clip.video_id
        categories += clip.category
    controls: dict[str, Tensor] = {}
    for name in clips[0].controls:
        controls[name] = torch.cat([clip.controls[name] for clip in clips])
    return Clip(
        frames=_concatenate(clips, "frames"),
        sound=_concatenate(clips, "sound"),
        masks=_concatenate(clips, "masks"),
        annotated=_concatenate(clips, "annotated"),
        valid=_concatenate(clips, "valid"),
        video_id=video_ids,
        category=categories,
        index=_concatenate(clips, "index"),
        controls=controls,
    )


def _concatenate(clips: Sequence[Clip], field_name: str) -> Tensor:
    return torch.cat([getattr(clip, field_name) for clip in clips])
