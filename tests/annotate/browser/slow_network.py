"""A network that delays each answer of the server by a random time, so that answers arrive in another order.

`AVSEG_TEST_DELAY=SEED pytest tests/annotate/browser` runs the browser tests with it.
"""

import asyncio
import os
import random
from typing import Any

from avseg.annotate.server.stopping import StoppingMiddleware

MOST = 0.4  # seconds


class SlowNetwork:
    """Delay the requests and the answers of an application, and each message of an event stream.

    Args:
        app: an ASGI application.
        seed: of the delays.
    """

    def __init__(self, app: Any, seed: int) -> None:
        self._app = app
        self._delays = random.Random(seed)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        delay = self._delays.uniform(0, MOST)
        before = delay * self._delays.random()
        await asyncio.sleep(before)
        events = scope["path"].endswith("/events")

        async def delayed_send(message: Any) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(delay - before)
            elif events:
                await asyncio.sleep(self._delays.uniform(0, MOST))
            await send(message)

        await self._app(scope, receive, delayed_send)


def with_network(app: Any) -> Any:
    """Put the slow network in front of an application if the environment names a seed."""
    seed = os.environ.get("AVSEG_TEST_DELAY")
    if seed is not None:
        app.add_middleware(SlowNetwork, seed=int(seed))
        app.add_middleware(StoppingMiddleware)
    return app
