"""Samplers of frames, seconds and videos, and random draws that depend on seed, epoch and item only."""

from collections.abc import Iterator, Sequence, Sized
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from torch.utils.data import DistributedSampler

from avseg.data.loader import ShareSampler
from avseg.data.lu_avs.types import LUVideo

# (epoch, index) in training, index otherwise
Key: TypeAlias = "int | tuple[int, int]"


class EpochSampler(DistributedSampler[Any]):
    """Yield (epoch, index) in a new order each epoch; all random draws of an item follow from the two.

    The epoch travels with the index because persistent workers receive nothing else. In several processes the last
    indices are repeated to make their shares equal, as training needs; evaluation has `VideoShare`.
    """

    def __init__(self, dataset: Sized, rank: int, world_size: int, seed: int) -> None:
        super().__init__(dataset, world_size, rank, shuffle=True, seed=seed)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for index in super().__iter__():
            yield self.epoch, index


class VideoShare(ShareSampler):
    """Videos of this process in evaluation: each video belongs to exactly one process; the longest come first."""

    def __init__(self, videos: Sequence[LUVideo], rank: int, world_size: int) -> None:
        order = sorted(range(len(videos)), key=lambda i: (-videos[i].duration, videos[i].id))
        self.indices = order[rank::world_size]  # similar total lengths for all processes


def split_key(seed: int, key: Key) -> tuple[int, np.random.Generator]:
    """Return the index of a key and the generator of its random draws; without an epoch they are always the same."""
    epoch, index = key if isinstance(key, tuple) else (-1, key)
    return index, np.random.default_rng([seed, epoch + 1, index])  # entries must not be negative


def draw_index(
    sounding: npt.NDArray[np.bool_], stratum: int, strata: int, silent_share: float, rng: np.random.Generator
) -> int:
    """Draw the index of a sounding frame or second of (n,), or with probability `silent_share` of a silent one.

    If all or none of it is silent, there is only one choice. The candidates are divided into `strata` equal parts in
    order; the draw is from one of these, so that several draws from one video are spread over it.
    """
    silent = bool(rng.uniform() < silent_share)
    candidates = np.flatnonzero(sounding != silent)  # (m,)
    if not len(candidates):
        candidates = np.arange(len(sounding))  # all sound, or all are silent
    position = rng.uniform(len(candidates) * stratum / strata, len(candidates) * (stratum + 1) / strata)
    return int(candidates[min(int(position), len(candidates) - 1)])
