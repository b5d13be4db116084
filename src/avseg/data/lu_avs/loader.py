"""Batches from a data set to the training loop, with a mistake in a worker told as it is."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from torch.utils.data import DataLoader, Dataset

from avseg.utils.errors import UserError

Item = TypeVar("Item")


class GuardedLoader(DataLoader[Any]):
    """A DataLoader whose workers hand a `UserError` over as its one line, not as a traceback in a message.

    Args:
        dataset: its items are batches of one.
        collate: joins them.
        settings: further arguments of `torch.utils.data.DataLoader`.
    """

    def __init__(self, dataset: Dataset[Any], collate: Callable[[Sequence[Any]], Any], **settings: Any) -> None:
        guarded = dataset if isinstance(dataset, _Guarded) else _Guarded(dataset)
        join = collate if isinstance(collate, _Joined) else _Joined(collate)
        # Lightning makes a loader anew from these names
        super().__init__(guarded, **{**settings, "collate_fn": join})
        self.collate = join

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Batches.

        Raises:
            UserError: a file of the batch is missing or damaged.
        """
        for batch in super().__iter__():
            if isinstance(batch, UserError):
                raise batch
            yield batch


class _Guarded(Dataset[Any], Generic[Item]):
    """The data set with mistakes as items."""

    def __init__(self, dataset: Dataset[Item]) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, key: Any) -> "Item | UserError":
        try:
            return self.dataset[key]
        except UserError as error:
            return UserError(str(error))  # without the traceback and the cause, which may not travel between processes


class _Joined:
    """Joins the items of a batch, or gives the first mistake among them."""

    def __init__(self, collate: Callable[[Sequence[Any]], Any]) -> None:
        self.collate = collate

    def __call__(self, items: Sequence[Any]) -> Any:
        mistake = next((item for item in items if isinstance(item, UserError)), None)
        return self.collate(items) if mistake is None else mistake
