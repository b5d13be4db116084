"""A sequence whose items are computed when they are first read."""

from collections.abc import Iterable, Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class LazySequence(Sequence[T]):
    """The items of an iterator; it is read as far as the items that were asked for. Not thread-safe."""

    def __init__(self, items: Iterable[T]) -> None:
        self._rest = iter(items)
        self._items: list[T] = []

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice) or index < 0:
            return tuple(self._read())[index]
        while len(self._items) <= index:
            try:
                self._items.append(next(self._rest))
            except StopIteration:
                raise IndexError(index) from None
        return self._items[index]

    def __len__(self) -> int:
        return len(self._read())

    def _read(self) -> list[T]:
        self._items.extend(self._rest)
        return self._items
