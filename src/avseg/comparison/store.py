"""Binary masks of all methods in one scratch file, so that panels and page need no second pass and little memory."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


class MaskStore:
    """A bit per pixel of each method, clip and frame, in a memory-mapped file."""

    def __init__(self, path: Path, methods: int, clips: int, length: int, size: tuple[int, int]) -> None:
        self.size = size
        self._bits = size[0] * size[1]
        shape = (methods, clips, length, -(-self._bits // 8))  # rounded up
        # a file with holes: frames that are never written are empty masks
        self._array = np.memmap(path, dtype=np.uint8, mode="w+", shape=shape)

    def write(self, method: int, clips: Tensor, masks: Tensor) -> None:
        """Store masks (B, T, h, w) bool of clips (B,), at the size of the store."""
        if tuple(masks.shape[-2:]) != self.size:
            masks = F.interpolate(masks.float(), self.size, mode="nearest-exact") > 0.5
        packed = np.packbits(masks.flatten(2).cpu().numpy(), axis=-1)
        self._array[method, clips.cpu().numpy()] = packed

    def read(self, clip: int) -> np.ndarray:
        """Return the masks of all methods, (M, T, h, w) bool."""
        bits = np.unpackbits(self._array[:, clip], axis=-1, count=self._bits)
        return bits.reshape(*bits.shape[:2], *self.size).astype(bool)

    def flush(self) -> None:
        """Write what is in memory to the file, so that memory does not grow with the split."""
        self._array.flush()


def marked(logits: Tensor) -> Tensor:
    """Return where the logits (B, T, 1, H, W) mark a pixel, (B, T, H, W) bool."""
    return torch.sigmoid(logits[:, :, 0].float()) > 0.5
