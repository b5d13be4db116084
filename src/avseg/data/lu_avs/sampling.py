"""Which frame, second or video is read next, by whom: from the seed and the epoch alone."""

from collections.abc import Iterator, Sequence, Sized
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from torch.utils.data import DistributedSampler, Sampler

from avseg.data.lu_avs.types import LUVideo

Key: TypeAlias = "int | tuple[int, int]"


class EpochSampler(DistributedSampler[Any]):
    """Gives out (epoch, index) in an order of its own each epoch; what is drawn at random follows from the two.

    The epoch travels with the index since workers that live on are told nothing else. In several processes the last
    indices are repeated to make their shares equal, as training needs; evaluation has `VideoShare`.
    """

    def __init__(self, dataset: Sized, rank: int, world_size: int, seed: int) -> None:
        super().__init__(dataset, world_size, rank, shuffle=True, seed=seed)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """This process's share of the epoch."""
        return ((self.epoch, index) for index in super().__iter__())


class VideoShare(Sampler[int]):
    """This process's videos in evaluation: each one whole, by one process alone, none twice; the longest first.

    Args:
        videos: of the split.
        rank: this process, from 0.
        world_size: number of processes.
    """

    def __init__(self, videos: Sequence[LUVideo], rank: int, world_size: int) -> None:
        order = sorted(range(len(videos)), key=lambda place: (-videos[place].duration, videos[place].id))
        self.places = order[rank::world_size]

    def __iter__(self) -> Iterator[int]:
        """Places in the list of videos."""
        return iter(self.places)

    def __len__(self) -> int:
        """Size of the share."""
        return len(self.places)


def drawing(seed: int, key: Key) -> tuple[int, np.random.Generator]:
    """The index inside a key, and the random numbers for it; a plain index always has the same ones."""
    epoch, index = key if isinstance(key, tuple) else (-1, key)
    return index, np.random.default_rng([seed, epoch + 1, index])


def pick(sounding: npt.NDArray[np.bool_], part: int, parts: int, silent_share: float, rng: np.random.Generator) -> int:
    """Draws a place: one where something sounds, or with a probability of `silent_share` one of silence.

    Args:
        sounding: (n,), n >= 1. If all of it is silent, or none, there is no choice.
        part: the places to choose from are cut into `parts` equal parts in order; this one counts.
        parts: how many, so that several draws from one video are spread over it.
        silent_share: in [0, 1].
        rng: draws.
    """
    silent = bool(rng.uniform() < silent_share)
    places = np.flatnonzero(sounding != silent)
    if not len(places):
        places = np.arange(len(sounding))
    at = rng.uniform(len(places) * part / parts, len(places) * (part + 1) / parts)
    return int(places[min(int(at), len(places) - 1)])
