"""Report every refusal as one line of JSON, `{"error": "..."}`, with a fitting status and never a traceback."""

import errno
import json
import logging
import os
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from avseg.utils.errors import UserError
from avseg.utils.names import printable

_MAX_LENGTH = 400  # characters of a message
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)  # nothing that a server could mend
_log = logging.getLogger(__name__)


class VersionConflict(Exception):
    """An edit was refused, and the page's version of the document is out of date; `version` is the current one."""

    def __init__(self, version: int, message: str) -> None:
        super().__init__(message)
        self.version = version


def error_response(status: int, message: str, **values: object) -> Response:
    """Build a one-line error response; line breaks become spaces, and `values` are added to the JSON object."""
    line = " ".join(message.split())[:_MAX_LENGTH]
    # ASCII: a message may quote half of a surrogate pair, which UTF-8 cannot encode
    body = json.dumps({"error": line, **values}, ensure_ascii=True).encode("ascii")
    return Response(body, status, media_type="application/json")


def add_handlers(app: FastAPI) -> None:
    """Turn exceptions into error responses: user error 400, conflict 409, invalid JSON 422, defect 500."""

    @app.exception_handler(UserError)
    async def _user_error(_: Request, error: UserError) -> Response:
        return error_response(400, str(error))

    @app.exception_handler(VersionConflict)
    async def _conflict(_: Request, error: VersionConflict) -> Response:
        return error_response(409, str(error), version=error.version)

    @app.exception_handler(HTTPException)
    async def _http_error(_: Request, error: HTTPException) -> Response:
        return error_response(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        detail = error.errors()[0]  # one line: the first of all errors
        location = ".".join(map(str, detail.get("loc", ())))
        return error_response(422, f"{location}: {detail.get('msg', 'invalid')}")

    @app.exception_handler(OSError)
    async def _disk(request: Request, error: OSError) -> Response:
        if error.errno not in _DISK:
            return await _defect(request, error)
        name = printable(Path(error.filename or "the folder").name)
        return error_response(
            400, f"{name}: cannot be written ({os.strerror(error.errno)}); free disk space or fix the permissions"
        )

    @app.exception_handler(Exception)
    async def _defect(request: Request, error: Exception) -> Response:
        _log.exception("%s %s", request.method, request.url.path, exc_info=error)
        return error_response(500, f"defect of the server ({type(error).__name__}); see its log")
