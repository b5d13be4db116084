"""A cache that forgets the least recently used entries."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LRUCache(Generic[Key, Value]):
    """A mapping whose sizes sum up to at most the capacity; by default each entry counts 1. Not thread-safe.

    The most recently used entry always stays, even if it alone exceeds the capacity.
    """

    def __init__(self, capacity: int, size: Callable[[Value], int] = lambda _: 1) -> None:
        self.capacity = capacity
        self._size = size
        self._total = 0
        self._entries: OrderedDict[Key, Value] = OrderedDict()  # least recently used first

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, key: Key) -> Value:
        self._entries.move_to_end(key)
        return self._entries[key]

    def __setitem__(self, key: Key, value: Value) -> None:
        if key in self._entries:
            self._total -= self._size(self._entries.pop(key))
        self._entries[key] = value
        self._total += self._size(value)
        while self._total > self.capacity and len(self._entries) > 1:
            _, oldest = self._entries.popitem(last=False)
            self._total -= self._size(oldest)

    def get(self, key: Key) -> Value | None:
        """Return an entry and mark it as used; None if it is not cached."""
        return self[key] if key in self._entries else None

    def get_or_compute(self, key: Key, compute: Callable[[], Value]) -> Value:
        """Return an entry; compute and keep it if it is not cached."""
        if key not in self._entries:
            self[key] = compute()
        return self[key]

    def clear(self) -> None:
        """Forget all entries."""
        self._entries.clear()
        self._total = 0
