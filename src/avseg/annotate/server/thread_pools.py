"""Threads of the server: what takes long never stands in the way of the event loop, or of what must be quick."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Workers:
    """One thread for all that changes a video, so that changes never overlap; others for reading.

    A propagation has a thread of its own in its session and does not hold up any of these.
    """

    def __init__(self) -> None:
        self._edit = ThreadPoolExecutor(1, "edit")
        self._frames = ThreadPoolExecutor(2, "frames")
        self._slow = ThreadPoolExecutor(2, "slow")

    async def edit(self, call: Callable[[], T]) -> T:
        """Changes a video, or reads what changes."""
        return await _run(self._edit, call)

    async def frame(self, call: Callable[[], T]) -> T:
        """Decodes a picture."""
        return await _run(self._frames, call)

    async def slow(self, call: Callable[[], T]) -> T:
        """Reads a whole file: indexing, sound, export."""
        return await _run(self._slow, call)

    def close(self) -> None:
        """Waits for what runs, and drops what waits."""
        for pool in (self._edit, self._frames, self._slow):
            pool.shutdown(wait=True, cancel_futures=True)


async def _run(pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, call)
