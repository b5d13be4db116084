"""The clip batch: one typed object for every data set, so that one loss and one metric serve all settings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor


@dataclass
class Clip:
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

    def __len__(self) -> int:
        """Return the number of clips."""
        return self.frames.shape[0]

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "Clip":
        """Return the batch on another device."""
        return self._map_tensors(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Clip":
        """Return the batch in page-locked memory; called by the DataLoader."""
        return self._map_tensors(torch.Tensor.pin_memory)

    def _map_tensors(self, function: Callable[[Tensor], Tensor]) -> "Clip":
        controls = dict(zip(self.controls, map(function, self.controls.values()), strict=True))
        return replace(
            self,
            frames=function(self.frames),
            sound=function(self.sound),
            masks=function(self.masks),
            annotated=function(self.annotated),
            valid=function(self.valid),
            index=function(self.index),
            controls=controls,
        )


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
