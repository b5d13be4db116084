"""What every open tab is told as it happens (server-sent events): changes of the video, progress of a propagation."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

_WAITING = 1000  # messages that a tab may be behind
_ALIVE = 15.0  # seconds between signs of life: a closed tab is noticed when one cannot be sent


class Hub:
    """Passes messages from any thread to the tabs that show one video."""

    def __init__(self) -> None:
        self._tabs: dict[asyncio.Queue[dict[str, Any] | None], asyncio.AbstractEventLoop] = {}
        self._closed = False

    @property
    def tabs(self) -> int:
        """How many listen."""
        return len(self._tabs)

    def tell(self, kind: str, **values: Any) -> None:
        """Sends a message to all tabs; may be called from any thread.

        Args:
            kind: "changed", "progress", "finished", ...
            values: plain values.
        """
        for queue, loop in list(self._tabs.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(_put, queue, {"kind": kind, **values})

    def close(self) -> None:
        """Ends all streams, those to come too."""
        self._closed = True
        for queue, loop in list(self._tabs.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(_put, queue, None)

    async def stream(self, version: Callable[[], int] = int) -> AsyncIterator[str]:
        """The messages for one tab, each in the form of an event stream.

        Args:
            version: gives that of the document; it is the first message, since something may have changed after the tab
                has read the document and before it listens.
        """
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(_WAITING)
        self._tabs[queue] = asyncio.get_running_loop()
        try:
            yield "retry: 1000\n\n: listening\n\n"
            yield _event({"kind": "version", "version": version()})
            while not self._closed:
                try:
                    message = await asyncio.wait_for(queue.get(), _ALIVE)
                except TimeoutError:
                    yield ": alive\n\n"
                    continue
                if message is None:
                    return
                yield _event(message)
        finally:
            del self._tabs[queue]


def _event(message: dict[str, Any]) -> str:
    return f"data: {json.dumps(message)}\n\n"


def _put(queue: asyncio.Queue[dict[str, Any] | None], message: dict[str, Any] | None) -> None:
    if queue.full():  # a tab that does not read: it begins anew with what it can still know
        while not queue.empty():
            queue.get_nowait()
        message = {"kind": "lost"}
    queue.put_nowait(message)
