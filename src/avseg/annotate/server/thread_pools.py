"""Thread pools of the server: slow work never blocks the event loop or fast requests."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class ThreadPools:
    """One thread for edits, so that they never overlap; further threads for reading.

    A propagation runs in a thread of its session and does not block any of these.
    """

    def __init__(self) -> None:
        self._edit = ThreadPoolExecutor(1, "edit")
        self._decode = ThreadPoolExecutor(2, "decode")
        self._slow = ThreadPoolExecutor(2, "slow")

    async def edit(self, call: Callable[[], T]) -> T:
        """Run a function that edits a video, or that reads what edits change."""
        return await _run(self._edit, call)

    async def decode(self, call: Callable[[], T]) -> T:
        """Run a function that decodes frames or masks."""
        return await _run(self._decode, call)

    async def slow(self, call: Callable[[], T]) -> T:
        """Run a function that reads a whole file: indexing, sound, export."""
        return await _run(self._slow, call)

    def close(self) -> None:
        """Wait for running functions and drop waiting ones."""
        for pool in (self._edit, self._decode, self._slow):
            pool.shutdown(wait=True, cancel_futures=True)


async def _run(pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, call)
