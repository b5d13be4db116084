"""Spreads work over processes, and says so in one line when one of them is killed."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from avseg.utils.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")
_WORTH = 500  # items for which a process of its own pays


def default_jobs() -> int:
    """One process for each processor that may be used."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(work: Callable[[Item], Result], items: Sequence[Item], jobs: int, worth: int = _WORTH) -> Iterator[Result]:
    """The results in the order of the items.

    Args:
        work: a function of a module, or a `functools.partial` of one.
        items: what to work on.
        jobs: at most so many processes; few items are worked on in this one.
        worth: items for which a process pays.

    Raises:
        UserError: a process was killed.
    """
    jobs = min(jobs, len(items) // worth)
    if jobs < 2:
        yield from map(work, items)
        return
    # spawned, not forked: a progress bar's thread may hold locks
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield from pool.map(work, items, chunksize=max(1, min(32, len(items) // (4 * jobs))))
    except BrokenProcessPool as error:
        raise UserError("a checking process was killed (out of memory?); run again with --jobs 1") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
