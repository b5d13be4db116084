"""Every refusal is one line of JSON, `{"error": "..."}`, with the status that fits; nothing shows a traceback."""

import json
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from avseg.utils.errors import UserError

_LONGEST = 400  # characters of a message
_log = logging.getLogger(__name__)


class Conflict(Exception):
    """What the page knows is older than what has happened since."""

    def __init__(self, version: int, message: str) -> None:
        super().__init__(message)
        self.version = version


def refusal(status: int, message: str, **more: Any) -> Response:
    """An answer that says in one line why not.

    Args:
        status: of HTTP.
        message: the reason; line ends become blanks.
        more: further values of the JSON object.
    """
    line = " ".join(message.split())[:_LONGEST]
    # ascii: a message may quote half of a surrogate pair, which UTF-8 cannot hold
    body = json.dumps({"error": line, **more}, ensure_ascii=True).encode("ascii")
    return Response(body, status, media_type="application/json")


def add_handlers(app: FastAPI) -> None:
    """Turns exceptions into refusals: a user's mistake 400, wrong JSON 422, a defect of ours 500."""

    @app.exception_handler(UserError)
    async def _mistake(_: Request, error: UserError) -> Response:
        return refusal(400, str(error))

    @app.exception_handler(Conflict)
    async def _conflict(_: Request, error: Conflict) -> Response:
        return refusal(409, str(error), version=error.version)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        return refusal(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        return refusal(422, _first(error))

    @app.exception_handler(Exception)
    async def _defect(request: Request, error: Exception) -> Response:
        _log.exception("%s %s", request.method, request.url.path, exc_info=error)
        return refusal(500, f"a defect of the server: {type(error).__name__}; its log says where")


def _first(error: RequestValidationError) -> str:
    """The first thing that is wrong: where and what."""
    found = error.errors()[0]
    place = ".".join(str(part) for part in found.get("loc", ()))
    return f"{place}: {found.get('msg', 'wrong')}"
