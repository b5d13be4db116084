"""Server-sent events to every open tab: changes of the video and progress of a propagation."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

Event = dict[str, object]
Queue = asyncio.Queue[Event | None]  # None ends the stream

_MAX_BACKLOG = 1000  # events that a tab may be behind
_KEEPALIVE = 15.0  # seconds; a closed tab is noticed when a comment cannot be sent


class EventHub:
    """Publish events from any thread to the tabs that show one video."""

    def __init__(self) -> None:
        self._tabs: dict[Queue, asyncio.AbstractEventLoop] = {}
        self._closed = False

    def publish(self, event: str, **values: object) -> None:
        """Send an event ("changed", "progress", "finished", ...) with plain values to all tabs."""
        self._send({"kind": event, **values})

    def close(self) -> None:
        """End all streams, including those that are opened later."""
        self._closed = True
        self._send(None)

    async def stream(self, version: Callable[[], int] = int) -> AsyncIterator[str]:
        """Yield the events of one tab in the format of an event stream.

        The first event is the document's version, because the document may have changed after the tab has loaded it and
        before it is connected.
        """
        queue: Queue = asyncio.Queue(_MAX_BACKLOG)
        self._tabs[queue] = asyncio.get_running_loop()
        try:
            yield "retry: 1000\n\n: listening\n\n"  # reconnect after 1000 ms; the comment flushes the headers
            yield _format({"kind": "version", "version": version()})
            while not self._closed:
                try:
                    event = await asyncio.wait_for(queue.get(), _KEEPALIVE)
                except TimeoutError:
                    yield ": alive\n\n"
                    continue
                if event is None:
                    return
                yield _format(event)
        finally:
            del self._tabs[queue]

    def _send(self, event: Event | None) -> None:
        for queue, loop in list(self._tabs.items()):  # a copy: tabs come and go meanwhile
            if not loop.is_closed():
                # asyncio queues are not thread-safe
                loop.call_soon_threadsafe(_put, queue, event)


def _format(event: Event) -> str:
    return f"data: {json.dumps(event)}\n\n"


def _put(queue: Queue, event: Event | None) -> None:
    if queue.full():  # a tab that does not read must reload the document
        while not queue.empty():
            queue.get_nowait()
        event = {"kind": "lost"}
    queue.put_nowait(event)
