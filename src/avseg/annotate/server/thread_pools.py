"""Thread pools of the server: slow work never blocks the event loop or fast requests."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class _Pool(ThreadPoolExecutor):
    async def __call__(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self, function)


class ThreadPools:
    """Pools that are awaited like functions: `await pools.edit(function)`.

    A propagation runs in a thread of its session and does not block any of these.
    """

    def __init__(self) -> None:
        self.edit = _Pool(1, "edit")  # one thread, so that edits never overlap; also for reading what edits change
        self.decode = _Pool(2, "decode")  # frames and masks
        self.slow = _Pool(2, "slow")  # whole files: indexing, sound, export

    def close(self) -> None:
        """Wait for running functions and drop waiting ones."""
        for pool in (self.edit, self.decode, self.slow):
            pool.shutdown(wait=True, cancel_futures=True)
