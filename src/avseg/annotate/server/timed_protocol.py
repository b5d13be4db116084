"""End connections whose request does not arrive completely: a half-open one would occupy the server without end."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

ARRIVAL = 20.0  # seconds for a request, from the first byte or the connection to the end of the body


class TimedProtocol(H11Protocol):
    """HTTP/1.1 of uvicorn with a limit on the time that a request takes to arrive."""

    arrival = ARRIVAL
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the clock."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Stop the clock when the request is complete, and start it with the next one."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        arriving = self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
        answered = self.cycle is None or self.cycle.response_complete
        if not arriving or (self.conn.their_state is h11.IDLE and not answered):
            self._stop()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.arrival, self._end)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()
