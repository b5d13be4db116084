"""Control sounds: replace the sound of a clip, to see whether a model listens.

After AVSBench-Robust (arXiv 2502.00358). Original and control sounds go through the same front end, so that nothing but
the sound itself can reveal a control.
"""

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from avseg.audio.frontend import clip_sound
from avseg.data.clip import Clip
from avseg.data.dataset import ClipDataset

CONTROLS = ("silence", "noise", "other", "shuffled")
NOISE_LEVEL = 0.1  # standard deviation of the white noise, full scale = 1: -20 dB


class WithControls(Dataset[Clip]):
    """The clips of a data set, each with `controls` shaped like its `sound`.

    - silence: zeros.
    - noise: Gaussian white noise at -20 dB of full scale.
    - other: the sound of another clip of the split, of another category where there are two or more (S4); left out when
      the split has only one clip.
    - shuffled: its items in another order, none at its own position. If one item covers the whole clip, the seconds of
      its waveform are shuffled instead. A clip of one second keeps its order.

    All of them depend on the seed and the clip's index alone, not on batches, order or workers.
    """

    def __init__(self, dataset: ClipDataset, seed: int = 123) -> None:
        self.dataset = dataset
        self.seed = seed

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Clip:
        """Read the clip with its controls as a batch of one."""
        clip = self.dataset[index]
        for name, sound in self.sounds(index, clip.sound[0]).items():
            clip.controls[name] = sound.unsqueeze(0)
        return clip

    def sounds(self, index: int, original: Tensor) -> dict[str, Tensor]:
        """Compute the control sounds by name, shaped like the sound of the clip: (T, *shape) or (*shape).

        The padding of AVSS stays zero.
        """
        count = self.dataset.seconds(index) * self.dataset.frontend.sample_rate  # samples
        noise = self._generator(index, "noise").standard_normal(count) * NOISE_LEVEL
        sounds = {
            "silence": self._from_samples(index, torch.zeros(count)),
            "noise": self._from_samples(index, torch.from_numpy(noise)),
        }
        other_index = self.other_index(index)
        if other_index is not None:
            sounds["other"] = self._fitted(index, self._without_padding(other_index))
        sounds["shuffled"] = self._shuffled(index, original)
        return sounds

    def other_index(self, index: int) -> int | None:
        """Return the clip whose sound is used for `other`; None if the split has no other clip."""
        category = self.dataset.entries[index].category
        same_category: list[int] = []
        foreign: list[int] = []
        for position, entry in enumerate(self.dataset.entries):
            if entry.category != category:
                foreign.append(position)
            elif position != index:
                same_category.append(position)
        candidates = foreign or same_category
        return int(self._generator(index, "other").choice(candidates)) if candidates else None

    def shuffled_order(self, index: int) -> list[int]:
        """Draw a derangement of the seconds that exist; padding stays at the end."""
        generator = self._generator(index, "shuffled")
        seconds = self.dataset.seconds(index)
        order = np.arange(seconds)
        # about a third of all permutations are derangements
        while seconds > 1 and (order == np.arange(seconds)).any():
            order = generator.permutation(seconds)
        return [*order.tolist(), *range(seconds, self.dataset.setting.clip_length)]

    def _shuffled(self, index: int, original: Tensor) -> Tensor:
        order = self.shuffled_order(index)
        # the front end is not run again: the items are exactly those of the clip itself
        if self.dataset.frontend.per_frame:
            return original[order]
        waveform, rate = self.dataset.read_waveform(index)
        seconds = self.dataset.seconds(index)
        pieces = waveform.tensor_split(seconds, dim=-1)
        shuffled = torch.cat([pieces[position] for position in order[:seconds]], dim=-1)
        return self._fitted(index, self.dataset.frontend(shuffled, rate))

    def _without_padding(self, index: int) -> Tensor:
        """Return the sound of another clip as items, (n, *shape) or (1, *shape)."""
        sound = self.dataset.sound(index)
        return sound[: self.dataset.seconds(index)] if self.dataset.frontend.per_frame else sound.unsqueeze(0)

    def _from_samples(self, index: int, samples: Tensor) -> Tensor:
        return self._fitted(index, self.dataset.frontend(samples, self.dataset.frontend.sample_rate))

    def _fitted(self, index: int, items: Tensor) -> Tensor:
        seconds, length = self.dataset.seconds(index), self.dataset.setting.clip_length
        return clip_sound(items, self.dataset.frontend, seconds, length)

    def _generator(self, index: int, control: str) -> np.random.Generator:
        # one stream per clip and control, so that adding a control changes none of the others
        return np.random.default_rng([self.seed, index, CONTROLS.index(control)])
