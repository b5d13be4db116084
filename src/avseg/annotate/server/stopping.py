"""Refuse requests that a stopping server can no longer carry out, so that the page sends them to the next one."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avseg.annotate.server.errors import error_response


class StoppingMiddleware:
    """Respond with 503 where the shutdown cancels a request; uvicorn would respond with 500, like to a defect."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched_send)
        except asyncio.CancelledError:
            if started or scope["type"] != "http":
                raise
            await error_response(503, "the server is stopping")(scope, receive, send)
