"""Read clips from a pack: the same numbers as from the files, copied once, into the batch."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from avseg.audio.frontend import fit_to_frames
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.clip import Clip
from avseg.data.controls import WithControls
from avseg.data.dataset import first_true
from avseg.data.pack.embeddings import EMBEDDING_DIM, noise_array
from avseg.data.pack.open import open_pack
from avseg.data.pack.rows import first_rows
from avseg.utils.errors import UserError


class PackedDataset(AVSBenchDataset):
    """An `AVSBenchDataset` that reads its pack, with the same arguments, items and errors.

    With the fingerprint of a frozen VGGish clips carry its embeddings (T, 128) instead of patches.

    Raises:
        UserError: see `open_pack`; or embeddings are requested, and the pack has none of this VGGish.
    """

    def __init__(self, *arguments: Any, vggish: str | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.pack = open_pack(AVSBenchDataset(*arguments, **options))
        self.embedded = vggish is not None
        index = self.pack.index
        if vggish is not None and index.vggish != vggish:
            content = f"the embeddings of VGGish {index.vggish}" if index.vggish else "no embeddings"
            raise UserError(
                f"{self.pack.folder} holds {content}, but the run has VGGish {vggish}; pack with "
                "`avseg data pack ... --embeddings WEIGHTS`, or set data.packed_audio=patches"
            )
        self._item_shape = (EMBEDDING_DIM,) if self.embedded else self.frontend.shape
        self._seconds = index.seconds
        self._masks_per_clip = index.labelled
        self._frame_rows = first_rows(index.seconds)  # clip -> its first row of frames and patches
        self._mask_rows = first_rows(index.labelled)
        self._frames = self.pack.arrays["frames"]
        self._masks = self.pack.arrays["masks"]
        self._patches = self.pack.arrays["patches"]

    def __getitem__(self, index: int) -> Clip:
        """Read a clip as a batch of one."""
        return self.batch([index])

    def __getitems__(self, indices: Sequence[int]) -> list[Clip]:
        """Read a whole batch for a DataLoader, as the only entry of a list."""
        return [self.batch(indices)]

    def batch(self, indices: Sequence[int]) -> Clip:
        """Read clips as one batch, in the order of the indices."""
        count = len(indices)
        length = self.setting.clip_length
        size = self.rule.image_size
        # (B, T, 3, H, W), (B, T, H, W), (B, T, *item)
        frames = _empty((count, length, 3, size, size), torch.uint8)
        masks = _empty((count, length, size, size), torch.uint8)
        sound = _empty((count, length, *self._item_shape), torch.float32)
        flat_masks = masks.view(count, length, -1).numpy()  # (B, T, H W)
        for position, index in enumerate(indices):
            self._copy_frames(index, frames[position].numpy())
            self._copy_masks(index, flat_masks[position])
            self._copy_sound(index, sound[position].numpy())
        entries = [self.entries[index] for index in indices]
        return Clip(
            frames=frames,
            sound=sound,
            masks=masks,
            annotated=first_true([self._masks_per_clip[index] for index in indices], length),
            valid=first_true([self._seconds[index] for index in indices], length),
            video_id=[entry.name for entry in entries],
            category=[entry.category for entry in entries],
            index=torch.tensor(indices),
        )

    def seconds(self, index: int) -> int:
        """Return the number of frames that exist."""
        return self._seconds[index]

    def sound(self, index: int) -> Tensor:
        """Return the clip's sound, (T, 1, 96, 64) log-mel patches, or (T, 128) if clips carry embeddings."""
        sound = torch.empty(self.setting.clip_length, *self._item_shape)
        self._copy_sound(index, sound.numpy())
        return sound

    def embeddings(self, name: str, index: int) -> Tensor:
        """Return the clip's row (T, 128) of an array of embeddings."""
        return torch.from_numpy(self.pack.arrays[name].rows(index, index + 1)[0].copy())

    def _copy_frames(self, index: int, out: npt.NDArray[np.uint8]) -> None:
        seconds = self._seconds[index]
        out[:seconds] = self._frames.rows(self._frame_rows[index], self._frame_rows[index + 1])
        out[seconds:] = 0  # the memory is not initialised

    def _copy_masks(self, index: int, out: npt.NDArray[np.uint8]) -> None:
        rows = self._masks.rows(self._mask_rows[index], self._mask_rows[index + 1])
        if not self.setting.semantic:
            rows = np.unpackbits(rows, axis=1, count=out.shape[1])  # (m, H W / 8) -> (m, H W)
        out[: len(rows)] = rows
        out[len(rows) :] = 0

    def _copy_sound(self, index: int, out: npt.NDArray[np.float32]) -> None:
        if self.embedded:
            # (T, 128), with the embeddings of the padding
            out[:] = self.pack.arrays["embeddings"].rows(index, index + 1)[0]
            return
        seconds = self._seconds[index]
        out[:seconds] = self._patches.rows(self._frame_rows[index], self._frame_rows[index + 1])
        out[seconds:] = 0


class EmbeddedControls(WithControls):
    """The controls of `WithControls` as embeddings from the pack, computed by one encoder for all sounds.

    Raises:
        UserError: the noise of this seed was not packed.
    """

    dataset: PackedDataset

    def __init__(self, dataset: PackedDataset, seed: int = 123) -> None:
        super().__init__(dataset, seed)
        index = dataset.pack.index
        if seed not in index.seeds:
            packed = f"seeds {', '.join(map(str, index.seeds))}" if index.seeds else "no seed"
            raise UserError(
                f"{dataset.pack.folder} holds the embedded noise of {packed}, but the controls of the run have seed "
                f"{seed}; pack with --seeds {seed}, or set data.packed_audio=patches"
            )

    def sounds(self, index: int, original: Tensor) -> dict[str, Tensor]:
        """Return the control sounds (T, 128) of a clip by name, given its embeddings (T, 128).

        The padding of AVSS is left as it is.
        """
        seconds = self.dataset.seconds(index)
        sounds = {
            "silence": self.dataset.embeddings("silence", index),
            "noise": self.dataset.embeddings(noise_array(self.seed), index),
        }
        other_index = self.other_index(index)
        if other_index is not None:
            foreign = fit_to_frames(self._without_padding(other_index), seconds)
            sounds["other"] = torch.cat([foreign, original[seconds:]])
        # VGGish embeds each patch alone, so the order of the embeddings is that of the patches
        sounds["shuffled"] = original[self.shuffled_order(index)]
        return sounds


def _empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Allocate a tensor; in a worker directly in shared memory, as torch's own collate function does."""
    if get_worker_info() is None:
        return torch.empty(shape, dtype=dtype)
    storage = torch.UntypedStorage._new_shared(prod(shape) * dtype.itemsize)  # type: ignore[no-untyped-call]
    return torch.empty(0, dtype=dtype).set_(storage, 0, shape)  # type: ignore[call-overload,no-any-return]
