"""Clips from a data set to the training loop: which process gets which clip, and how a mistake in a worker is told."""

from collections.abc import Iterator, Sequence, Sized
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler

from avseg.data.clip import Clip, collate_clips
from avseg.errors import UserError


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


class ClipLoader(DataLoader[Any]):
    """A DataLoader whose workers hand a `UserError` over as it is.

    torch raises a worker's exception again with the whole traceback as its message; here it stays the one line.
    The arguments are those of `torch.utils.data.DataLoader`; clips are joined by `collate_clips` always.
    """

    def __init__(self, dataset: Dataset[Clip], **settings: Any) -> None:
        guarded = dataset if isinstance(dataset, _Guarded) else _Guarded(dataset)
        super().__init__(guarded, **{**settings, "collate_fn": _collate})

    def __iter__(self) -> Any:
        """Batches.

        Raises:
            UserError: a file of the batch is missing or damaged.
        """
        for batch in super().__iter__():
            if isinstance(batch, UserError):
                raise batch
            yield batch


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


def _collate(items: Sequence["Clip | UserError"]) -> "Clip | UserError":
    """A batch, or the first mistake in it."""
    clips: list[Clip] = []
    for item in items:
        if isinstance(item, UserError):
            return item
        clips.append(item)
    return collate_clips(clips)
