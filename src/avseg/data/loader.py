"""Distributed samplers, and a DataLoader that raises the errors of its workers again as one line."""

import gc
import os
from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import replace
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from avseg.data.clip import collate_clips
from avseg.utils.distributed import get_world_size
from avseg.utils.errors import UserError
from avseg.utils.processes import usable_cores

# Workers are forked, without the threads of FFmpeg: collecting a decoder that the parent has left as garbage would wait
# for these threads forever. Objects from before the fork are left to the parent.
os.register_at_fork(after_in_child=gc.freeze)

# joins the items of a batch
Collate = Callable[[Sequence[Any]], Any]


class ShareSampler(Sampler[int]):
    """This process's share of a split in evaluation: every clip once, without repetitions to make shares equal.

    With fewer clips than processes the idle ones get a clip that another process has too: a process without any batch
    would leave the others waiting in collective calls. Scores still count a clip once, by `Clip.index`.
    """

    def __init__(self, dataset: Sized, rank: int, world_size: int) -> None:
        count = len(dataset)
        # an empty range is false: an idle process takes one clip
        self.indices: Sequence[int] = range(rank, count, world_size) or range(rank % count, rank % count + 1)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)


class ShuffledShare(Sampler[int]):
    """This process's share of the training clips: the clips of a step over all processes are one process's batch.

    `batch_size` counts the clips of a step over all processes and is a multiple of their number.
    The order depends on the seed and the epoch alone, and no clip is repeated to make shares equal. If fewer clips than
    processes are left for the last step, the idle processes get a placeholder, since they must take part in the
    collective calls of that step (see `GuardedLoader`).
    """

    def __init__(self, dataset: Sized, batch_size: int, seed: int, rank: int, world_size: int) -> None:
        self.count = len(dataset)
        self.seed = seed
        self.epoch = 0
        self.rank = rank
        self.world_size = world_size
        self.has_placeholder = 0 < self.count % batch_size <= rank  # True if the last clip of this process is one

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; called by Lightning before each one."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        order = torch.randperm(self.count, generator=generator).tolist()
        # dealt clip by clip, so that the first batches of all processes are the first clips of the order
        share = order[self.rank :: self.world_size]
        return iter(share + order[-1:] if self.has_placeholder else share)

    def __len__(self) -> int:
        return len(range(self.rank, self.count, self.world_size)) + self.has_placeholder


class GuardedLoader(DataLoader[Any]):
    """A DataLoader whose workers hand over a `UserError` as its one line; items of the data set are batches of one.

    torch raises a worker's exception again with the whole traceback as its message.
    """

    def __init__(self, dataset: Dataset[Any], collate_fn: Collate = collate_clips, **settings: Any) -> None:
        # Lightning rebuilds a loader from its attributes, which are guarded already
        if not isinstance(dataset, _GuardedDataset):
            dataset = _GuardedDataset(dataset)
        if not isinstance(collate_fn, _GuardedCollate):
            collate_fn = _GuardedCollate(collate_fn)
        super().__init__(dataset, collate_fn=collate_fn, **settings)

    def __iter__(self) -> Any:
        """Yield batches, a placeholder without annotated or valid frames; raises the `UserError` of a worker."""
        placeholder = len(self) if getattr(self.sampler, "has_placeholder", False) else None
        for number, batch in enumerate(super().__iter__(), start=1):
            if isinstance(batch, UserError):
                raise batch
            if number == placeholder:  # does not count
                batch = replace(batch, annotated=torch.zeros_like(batch.annotated), valid=torch.zeros_like(batch.valid))
            yield batch


class _GuardedDataset(Dataset[Any]):
    """A data set that returns a `UserError` as an item instead of raising it."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, key: Any) -> Any:
        try:
            return self.dataset[key]
        except UserError as error:
            return UserError(str(error))  # without traceback and cause, which may not be picklable

    def __getitems__(self, keys: Sequence[Any]) -> Sequence[Any]:
        """Read a batch: in one call if the data set can, as a packed one does, otherwise item by item."""
        # looked up on the class: a data set that wraps another one may pass on its attributes, but must be read itself
        read_batch = getattr(type(self.dataset), "__getitems__", None)
        if read_batch is None:
            return [self[key] for key in keys]
        try:
            items: Sequence[Any] = read_batch(self.dataset, keys)
        except UserError as error:
            return [UserError(str(error))]
        return items


class _GuardedCollate:
    """Joins the items of a batch, or returns the first error among them."""

    def __init__(self, collate: Collate) -> None:
        self.collate = collate

    def __call__(self, items: Sequence[Any]) -> Any:
        for item in items:
            if isinstance(item, UserError):
                return item
        return self.collate(items)


def make_loader(
    dataset: Dataset[Any],  # its items are batches of one
    sampler: Sampler[Any],  # this process's share
    batch_size: int,  # items per step over all processes
    num_workers: int,  # reading processes
    collate_fn: Collate = collate_clips,  # joins items
) -> GuardedLoader:
    """Make the loader of this process; raises `UserError` if the processes cannot share the batch."""
    return GuardedLoader(
        dataset,
        collate_fn,
        batch_size=batch_size_per_process(batch_size),
        sampler=sampler,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        pin_memory=torch.cuda.is_available(),
    )


def batch_size_per_process(batch_size: int) -> int:
    """Return the items per step in this process; raises `UserError` if the processes cannot share the batch."""
    world_size = get_world_size()
    if batch_size % world_size:
        raise UserError(
            f"data.batch_size {batch_size} cannot be shared by {world_size} processes; take a multiple of {world_size}"
        )
    return batch_size // world_size


def default_workers() -> int:
    """Return the default number of reading processes: one less than the processor cores, at most 4."""
    return min(4, usable_cores() - 1)
