"""The clip batch: one typed object for every data set, so that one loss and one metric serve all settings."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor


@dataclass
class Clip:
    """A batch of B clips of T frames, one second of sound to each frame. A single clip is a batch of one.

    Attributes:
        frames: (B, T, 3, H, W) uint8 RGB, normalised on the device.
        audio: (B, T, 1, 96, 64) float32 log-mel patches, or (B, T, 128) embeddings when precomputed.
        masks: (B, T, H, W) uint8, 1 = sounding (AVSS: class index).
        annotated: (B, T) bool, frames that carry a label (S4 training: the first only).
        valid: (B, T) bool, frames that exist (AVSS pads 5 to 10).
        video_id: B names.
        category: B categories; empty text where the data set has none.
        index: (B,) int64, the clip's place in its split; metrics use it to be independent of batches and processes.
        controls: other sounds for the same frames, shaped like `audio` (`avseg.data.controls`); none in training.
    """

    frames: Tensor
    audio: Tensor
    masks: Tensor
    annotated: Tensor
    valid: Tensor
    video_id: list[str]
    category: list[str]
    index: Tensor
    controls: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of clips."""
        return self.frames.shape[0]

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "Clip":
        """The same batch on another device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Clip":
        """The same batch in page-locked memory; called by the DataLoader."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, function: Any) -> "Clip":
        values: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Tensor):
                value = function(value)
            elif isinstance(value, dict):
                value = {name: function(tensor) for name, tensor in value.items()}
            values[item.name] = value
        return Clip(**values)


def collate_clips(clips: Sequence[Clip]) -> Clip:
    """Joins batches of clips of equal T, H and W into one batch, in order.

    Args:
        clips: at least one clip batch, all with the same names of controls.
    """
    values: dict[str, Any] = {}
    for item in fields(Clip):
        parts = [getattr(clip, item.name) for clip in clips]
        if isinstance(parts[0], Tensor):
            values[item.name] = torch.cat(parts)
        elif isinstance(parts[0], dict):
            values[item.name] = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        else:
            values[item.name] = [entry for part in parts for entry in part]
    return Clip(**values)
