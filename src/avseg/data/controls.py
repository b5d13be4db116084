"""Clips with sounds that are not theirs: a model that listens must change its mind.

After AVSBench-Robust (arXiv 2502.00358). Own and foreign sounds go through the same extractor, so that nothing but the
sound itself can give a negative away.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from avseg.audio.frontend import fit_to_frames
from avseg.audio.log_mel import SAMPLE_RATE, log_mel_patches
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.clip import Clip

CONTROLS = ("silence", "noise", "other", "shuffled")
NOISE_LEVEL = 0.1  # standard deviation of the white noise, full scale = 1: -20 dB


class WithControls(Dataset[Clip]):
    """The same clips, each with `controls`, shaped like its `audio`, (1, T, 1, 96, 64).

    - silence: zeros.
    - noise: Gaussian white noise at -20 dB of full scale.
    - other: the sound of another clip of the split, of another category where there are two or more (S4); left out when
      the split has only one clip.
    - shuffled: its own patches in another order, none in its place; the same order for a clip of one second.

    All of them depend on the seed and the clip's index alone, not on batches, order or workers.

    Args:
        dataset: the clips.
        seed: of noise, choice and order.
    """

    def __init__(self, dataset: AVSBenchDataset, seed: int = 123) -> None:
        self.dataset = dataset
        self.seed = seed

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> Clip:
        """The clip with its controls as a batch of one."""
        clip = self.dataset[index]
        clip.controls = {name: sound.unsqueeze(0) for name, sound in self.sounds(index, clip.sound[0]).items()}
        return clip

    def __getattr__(self, name: str) -> Any:
        """What the data set itself knows (`entries`, `clip_length`, ...)."""
        if name == "dataset":  # not yet there while a worker unpickles
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def sounds(self, index: int, own: Tensor) -> dict[str, Tensor]:
        """The other sounds of a clip.

        Args:
            index: of the clip.
            own: its own patches (T, 1, 96, 64).

        Returns:
            name -> (T, 1, 96, 64); silent padding of AVSS stays zero.
        """
        seconds = self.dataset.seconds(index)
        noise = self._random(index, "noise").standard_normal(seconds * SAMPLE_RATE) * NOISE_LEVEL
        sounds = {
            "silence": self._patches(torch.zeros(seconds * SAMPLE_RATE), own),
            "noise": self._patches(torch.from_numpy(noise), own),
            "shuffled": own[self._order(index, seconds, len(own))],
        }
        other = self.other(index)
        if other is not None:
            sounds["other"] = _filled(fit_to_frames(self._existing(other), seconds), own)
        return {name: sounds[name] for name in CONTROLS if name in sounds}

    def other(self, index: int) -> int | None:
        """The clip whose sound is used for `other`; None when there is no other clip."""
        entries = self.dataset.entries
        choices = [place for place in range(len(entries)) if place != index]
        foreign = [place for place in choices if entries[place].category != entries[index].category]
        choices = foreign or choices
        return int(self._random(index, "other").choice(choices)) if choices else None

    def _existing(self, index: int) -> Tensor:
        """The clip's patches without padding."""
        return self.dataset.patches(index)[: self.dataset.seconds(index)]

    def _patches(self, waveform: Tensor, own: Tensor) -> Tensor:
        return _filled(log_mel_patches(waveform, SAMPLE_RATE, self.dataset.hop), own)

    def _order(self, index: int, seconds: int, length: int) -> list[int]:
        """A derangement of the existing patches; the padding stays at the end."""
        random = self._random(index, "shuffled")
        order = np.arange(seconds)
        while seconds > 1 and (order == np.arange(seconds)).any():
            order = random.permutation(seconds)
        return [*order.tolist(), *range(seconds, length)]

    def _random(self, index: int, control: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, index, CONTROLS.index(control)])


def _filled(patches: Tensor, own: Tensor) -> Tensor:
    """`patches` at the beginning of a tensor of zeros like `own`."""
    filled = torch.zeros_like(own)
    filled[: len(patches)] = patches
    return filled
