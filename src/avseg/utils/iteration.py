"""Iteration helpers that the standard library of Python 3.11 lacks."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of `size`; the last one may be shorter."""
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group


def evenly_spaced(items: Sequence[Item], count: int) -> list[Item]:
    """Select at most `count` items, evenly spaced, the same each time."""
    count = min(count, len(items))
    return [items[number * len(items) // count] for number in range(count)]
