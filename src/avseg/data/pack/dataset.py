"""Clips out of a pack: the same numbers as from the files, each copied once, into the batch."""

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
from avseg.data.controls import CONTROLS, WithControls
from avseg.data.dataset import first_true
from avseg.data.pack.embeddings import EMBEDDING, noise_array
from avseg.data.pack.open import open_pack
from avseg.data.pack.rows import starts
from avseg.utils.errors import UserError


class PackedDataset(AVSBenchDataset):
    """An `AVSBenchDataset` that reads its pack; arguments, items and errors are the same.

    Args:
        settings: those of `AVSBenchDataset`.
        vggish: the fingerprint of a frozen VGGish: clips carry its embeddings (T, 128) instead of patches.

    Raises:
        UserError: see `open_pack`; embeddings are asked for, and those in the pack are not of this VGGish.
    """

    def __init__(self, *settings: Any, vggish: str | None = None, **more: Any) -> None:
        super().__init__(*settings, **more)
        self.pack = open_pack(AVSBenchDataset(*settings, **more))
        self.embedded = vggish is not None
        index, arrays = self.pack.index, self.pack.arrays
        if vggish is not None and index.vggish != vggish:
            found = f"those of VGGish {index.vggish}" if index.vggish else "no embeddings"
            raise UserError(
                f"{self.pack.folder} holds {found}, and the run has VGGish {vggish}; pack with "
                "`avseg data pack ... --embeddings WEIGHTS`, or set data.packed_audio=patches"
            )
        self._seconds, self._labelled = index.seconds, index.labelled
        self._frame_rows, self._mask_rows = starts(index.seconds), starts(index.labelled)
        self._frames, self._masks, self._patches = arrays["frames"], arrays["masks"], arrays["patches"]
        self._bits = not self.setting.semantic

    def __getitem__(self, index: int) -> Clip:
        """The clip as a batch of one."""
        return self.batch([index])

    def __getitems__(self, indices: Sequence[int]) -> list[Clip]:
        """What a DataLoader asks for: a whole batch at once, as the one entry of a list."""
        return [self.batch(indices)]

    def batch(self, indices: Sequence[int]) -> Clip:
        """Clips as one batch.

        Args:
            indices: of the clips, in the order of the batch.
        """
        count, length, size = len(indices), self.setting.clip_length, self.rule.image_size
        frames = _new((count, length, 3, size, size), torch.uint8)
        masks = _new((count, length, size, size), torch.uint8)
        audio = _new((count, length, *((EMBEDDING,) if self.embedded else (1, 96, 64))), torch.float32)
        pixels, labels, sounds = frames.numpy(), masks.view(count, length, -1).numpy(), audio.numpy()
        for place, index in enumerate(indices):
            self._copy_frames(index, pixels[place])
            self._copy_masks(index, labels[place])
            self._copy_sound(index, sounds[place])
        entries = [self.entries[index] for index in indices]
        return Clip(
            frames=frames,
            sound=audio,
            masks=masks,
            annotated=first_true([self._labelled[index] for index in indices], length),
            valid=first_true([self._seconds[index] for index in indices], length),
            video_id=[entry.name for entry in entries],
            category=[entry.category for entry in entries],
            index=torch.tensor(indices),
        )

    def seconds(self, index: int) -> int:
        """Number of frames that exist."""
        return self._seconds[index]

    def sound(self, index: int) -> Tensor:
        """The clip's sound, (T, 1, 96, 64) log-mel patches, or (T, 128) where clips carry embeddings."""
        sound = torch.empty(self.setting.clip_length, *((EMBEDDING,) if self.embedded else (1, 96, 64)))
        self._copy_sound(index, sound.numpy())
        return sound

    def embeddings(self, name: str, index: int) -> Tensor:
        """The clip's row (T, 128) of one of the arrays of embeddings."""
        return torch.from_numpy(self.pack.arrays[name].rows(index, index + 1)[0].copy())

    def _copy_frames(self, index: int, out: npt.NDArray[np.uint8]) -> None:
        seconds = self._seconds[index]
        out[:seconds] = self._frames.rows(self._frame_rows[index], self._frame_rows[index + 1])
        out[seconds:] = 0

    def _copy_masks(self, index: int, out: npt.NDArray[np.uint8]) -> None:
        labelled = self._labelled[index]
        rows = self._masks.rows(self._mask_rows[index], self._mask_rows[index + 1])
        out[:labelled] = np.unpackbits(rows, axis=1, count=out.shape[1]) if self._bits else rows
        out[labelled:] = 0

    def _copy_sound(self, index: int, out: npt.NDArray[np.float32]) -> None:
        if self.embedded:
            out[:] = self.pack.arrays["embeddings"].rows(index, index + 1)[0]
            return
        seconds = self._seconds[index]
        out[:seconds] = self._patches.rows(self._frame_rows[index], self._frame_rows[index + 1])
        out[seconds:] = 0


class EmbeddedControls(WithControls):
    """The controls of `WithControls` as embeddings, all out of the pack: one extractor for own and foreign sounds.

    Args:
        dataset: clips with embeddings.
        seed: of noise, choice and order.

    Raises:
        UserError: the noise of this seed was not packed.
    """

    def __init__(self, dataset: PackedDataset, seed: int = 123) -> None:
        super().__init__(dataset, seed)
        index = dataset.pack.index
        if seed not in index.seeds:
            there = f"seeds {', '.join(map(str, index.seeds))}" if index.seeds else "no seed"
            raise UserError(
                f"{dataset.pack.folder} holds the embedded noise of {there}, and the run's controls have seed {seed}; "
                f"pack with --seeds {seed}, or set data.packed_audio=patches"
            )

    def sounds(self, index: int, original: Tensor) -> dict[str, Tensor]:
        """The other sounds of a clip; see `WithControls.sounds`.

        Args:
            index: of the clip.
            original: its own embeddings (T, 128).

        Returns:
            name -> (T, 128); the padding of AVSS stays as it is.
        """
        seconds = self.dataset.seconds(index)
        sounds = {
            "silence": self.dataset.embeddings("silence", index),  # type: ignore[attr-defined]
            "noise": self.dataset.embeddings(noise_array(self.seed), index),  # type: ignore[attr-defined]
            "shuffled": original[self.shuffled_order(index)],
        }
        other = self.other_index(index)
        if other is not None:
            sounds["other"] = torch.cat([fit_to_frames(self._without_padding(other), seconds), original[seconds:]])
        return {name: sounds[name] for name in CONTROLS if name in sounds}


def _new(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A tensor to fill; in a reading process right in the memory that it shares, as torch's own collate does."""
    if get_worker_info() is None:
        return torch.empty(shape, dtype=dtype)
    storage = torch.UntypedStorage._new_shared(prod(shape) * dtype.itemsize)  # type: ignore[no-untyped-call]
    return torch.empty(0, dtype=dtype).set_(storage, 0, shape)  # type: ignore[call-overload,no-any-return]
