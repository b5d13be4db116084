"""Clips from a data set to the training loop: which process gets which clip, and how a mistake in a worker is told."""

from collections.abc import Iterator, Sequence, Sized
from dataclasses import replace
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from avseg.data.clip import Clip, collate_clips
from avseg.utils.errors import UserError


class ShareSampler(Sampler[int]):
    """This process's share of a split in evaluation: every clip once, none added to make the shares equal.

    With fewer clips than processes the idle ones get a clip that another has too: a process without any batch would
    leave the others waiting in collective calls. Scores count a clip once all the same, by `Clip.index`.

    Args:
        dataset: the split.
        rank: this process, from 0.
        world_size: number of processes.
    """

    def __init__(self, dataset: Sized, rank: int, world_size: int) -> None:
        count = len(dataset)
        self.indices = range(rank, count, world_size) or range(rank % count, rank % count + 1)

    def __iter__(self) -> Iterator[int]:
        """The indices in order."""
        return iter(self.indices)

    def __len__(self) -> int:
        """Size of the share."""
        return len(self.indices)


class ShuffledShare(Sampler[int]):
    """This process's share of the training clips: what the processes read for a step is the batch of one process.

    The order depends on the seed and the epoch alone, and no clip is repeated to make the shares equal. Where fewer
    clips than processes are left for the last step, a clip only stands in for the idle processes, which must take part
    in the collective calls of that step (see `ClipLoader`).

    Args:
        dataset: the split.
        batch_size: clips per step over all processes, a multiple of their number.
        seed: of the order.
        rank: this process, from 0.
        world_size: number of processes.
    """

    def __init__(self, dataset: Sized, batch_size: int, seed: int, rank: int, world_size: int) -> None:
        self.count, self.seed, self.epoch = len(dataset), seed, 0
        self.rank, self.world_size = rank, world_size
        self.stands_in = 0 < self.count % batch_size <= rank

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        """The indices in the order of this epoch."""
        order = torch.randperm(self.count, generator=torch.Generator().manual_seed(self.seed + self.epoch)).tolist()
        return iter(order[self.rank :: self.world_size] + order[-1:] * self.stands_in)

    def __len__(self) -> int:
        """Size of the share."""
        return len(range(self.rank, self.count, self.world_size)) + self.stands_in


class ClipLoader(DataLoader[Any]):
    """A DataLoader whose workers hand a `UserError` over as it is.

    torch raises a worker's exception again with the whole traceback as its message; here it stays the one line.
    The arguments are those of `torch.utils.data.DataLoader`; clips are joined by `collate_clips` always.
    """

    def __init__(self, dataset: Dataset[Clip], **settings: Any) -> None:
        guarded = dataset if isinstance(dataset, _Guarded) else _Guarded(dataset)
        super().__init__(guarded, **{**settings, "collate_fn": _collate})

    def __iter__(self) -> Any:
        """Batches; a clip that only stands in has no annotated and no valid frame.

        Raises:
            UserError: a file of the batch is missing or damaged.
        """
        last = len(self) if getattr(self.sampler, "stands_in", False) else None
        for number, batch in enumerate(super().__iter__(), start=1):
            if isinstance(batch, UserError):
                raise batch
            yield _blank(batch) if number == last else batch


class _Guarded(Dataset["Clip | UserError"]):
    """The data set with mistakes as items."""

    def __init__(self, dataset: Dataset[Clip]) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> "Clip | UserError":
        try:
            return self.dataset[index]
        except UserError as error:
            return UserError(str(error))  # without the traceback and the cause, which may not travel between processes

    def __getitems__(self, indices: Sequence[int]) -> "Sequence[Clip | UserError]":
        """A whole batch: at once from a data set that can, such as a packed one, otherwise clip by clip."""
        # asked of the class: a data set that wraps another may hand on its attributes, but must be read itself
        at_once = getattr(type(self.dataset), "__getitems__", None)
        if at_once is None:
            return [self[index] for index in indices]
        try:
            clips: list[Clip] = at_once(self.dataset, indices)
        except UserError as error:
            return [UserError(str(error))]
        return clips


def _blank(clip: Clip) -> Clip:
    """The same clip with nothing in it that counts."""
    return replace(clip, annotated=torch.zeros_like(clip.annotated), valid=torch.zeros_like(clip.valid))


def _collate(items: Sequence["Clip | UserError"]) -> "Clip | UserError":
    """A batch, or the first mistake in it."""
    clips: list[Clip] = []
    for item in items:
        if isinstance(item, UserError):
            return item
        clips.append(item)
    return clips[0] if len(clips) == 1 else collate_clips(clips)  # nothing to join, nothing to copy
