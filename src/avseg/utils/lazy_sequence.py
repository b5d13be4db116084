"""A sequence whose items are computed when they are first read."""

from collections.abc import Iterable, Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class LazySequence(Sequence[T]):
    """The items of an iterator; it is read as far as the items that were asked for. Not thread-safe.

    If an item cannot be computed, reading it or a later one raises the same error again: the sequence is not shorter.
    """

    def __init__(self, items: Iterable[T]) -> None:
        self._rest = iter(items)
        self._items: list[T] = []
        self._error: Exception | None = None

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice) or index < 0:
            return tuple(self._read())[index]
        while len(self._items) <= index and self._compute():
            pass
        return self._items[index]

    def __len__(self) -> int:
        return len(self._read())

    def _read(self) -> list[T]:
        while self._compute():
            pass
        return self._items

    def _compute(self) -> bool:
        """Compute the next item; False if there is none."""
        if self._error is not None:
            raise self._error
        try:
            self._items.append(next(self._rest))
        except StopIteration:
            return False
        except Exception as error:
            self._error = error
            raise
        return True
