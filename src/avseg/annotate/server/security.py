"""Check Host, Origin, token and body size before anything else sees a request.

A page of another site must not drive the tool through the user's browser. DNS rebinding fails at Host, a form or script
of another page at Origin, an image or script tag at Sec-Fetch-Site, and everybody without the token at the token. The
token is part of the address once; after that it is in a cookie that scripts cannot read and other sites do not send.
"""

import ipaddress
import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avseg.annotate.server.errors import error_response

BODY_LIMIT = 4 * 2**20  # bytes; the run lengths of a jagged mask at 4K take one MiB
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
TOKEN_HEADER = "x-avseg-token"  # for clients that are not a browser
_RESPONSE_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class SecurityMiddleware:
    """ASGI middleware for Host, Origin, token, body size and response headers.

    `hosts` are names and addresses of the server, without port. If one of them is not the loopback, any numeric address
    is allowed too: only names can be rebound.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Iterable[str] = LOOPBACK, body_limit: int = BODY_LIMIT) -> None:
        self.app, self.token, self.body_limit = app, token, body_limit
        self.hosts = {host.strip("[]").lower() for host in hosts} | LOOPBACK
        self.allow_numeric = self.hosts > LOOPBACK

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on allowed requests, refuse the others in one line."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":  # the tool has none
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.app(scope, receive, send)  # lifespan
            return
        headers = Headers(scope=scope)
        sender = _HeaderSender(send, self._cookie_to_set(scope, headers))
        refusal = self._refusal(scope, headers)
        if refusal:
            await error_response(*refusal)(scope, receive, sender)
            return
        await self.app(scope, _BoundedReceiver(receive, self.body_limit), sender)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Return status and reason of a refusal, None if the request is allowed."""
        host = headers.get("host", "")
        # with two Host headers another party could have checked the other one
        if len(headers.getlist("host")) != 1 or not self._is_allowed_host(host):
            return 421, "this server does not answer under that Host; open the address it printed"
        # browsers add Origin to requests that scripts and forms make
        origin = headers.get("origin")
        if origin is not None and origin != f"{scope['scheme']}://{host}":
            return 403, "requests from other pages (Origin) are refused"
        # a link on another site may open the page, which reads and changes nothing by itself
        navigation = headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not navigation:
            return 403, "requests from other sites are refused"
        if not self._has_token(scope, headers):
            return 401, "the token is missing or wrong; open the address that the server printed when it started"
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            return 400, "Content-Length is not a number"
        # the length of the number first: converting a huge one takes long
        if len(length) > 12 or int(length) > self.body_limit:
            return 413, f"the body is larger than {self.body_limit // 2**20} MiB"
        return None

    def _is_allowed_host(self, host: str) -> bool:
        try:
            url = urlsplit(f"//{host}")
            name = (url.hostname or "").lower()
            _ = url.port  # raises for an invalid one
        except ValueError:
            return False
        if url.netloc != host or "@" in host:  # a path, or user@host
            return False
        return name in self.hosts or (self.allow_numeric and _is_address(name))

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        candidates = [headers.get(TOKEN_HEADER, ""), _token_in_cookie(headers), _token_in_address(scope)]
        # in constant time, so that response times reveal nothing about the token
        return any(secrets.compare_digest(candidate.encode(), self.token.encode()) for candidate in candidates)

    def _cookie_to_set(self, scope: Scope, headers: Headers) -> str | None:
        if scope["path"] != "/" or not secrets.compare_digest(_token_in_address(scope).encode(), self.token.encode()):
            return None
        return f"{cookie_name(headers.get('host', ''))}={self.token}; Path=/; HttpOnly; SameSite=Strict"


class _BoundedReceiver:
    """Count the bytes of a body as they arrive; Content-Length may be missing or wrong."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self.receive, self.remaining, self.limit = receive, limit, limit

    async def __call__(self) -> Message:
        message = await self.receive()
        if message["type"] == "http.request":
            self.remaining -= len(message.get("body", b""))
            if self.remaining < 0:
                raise HTTPException(413, f"the body is larger than {self.limit // 2**20} MiB")
        return message


class _HeaderSender:
    """Add the headers that every response carries."""

    def __init__(self, send: Send, cookie: str | None) -> None:
        self.send, self.cookie = send, cookie

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in _RESPONSE_HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
            if self.cookie and message["status"] == 200:
                headers.append("set-cookie", self.cookie)
        await self.send(message)


def cookie_name(host: str) -> str:
    """Name the cookie after the port: cookies ignore ports, and one machine may run several servers."""
    port = urlsplit(f"//{host}").port
    return f"avseg-{port or 80}"


def _token_in_cookie(headers: Headers) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(cookie_name(headers.get("host", "")))
    except (CookieError, ValueError):
        return ""
    return morsel.value if morsel else ""


def _token_in_address(scope: Scope) -> str:
    if scope["path"] != "/":
        return ""  # elsewhere it would end up in logs and in the browser's history
    try:
        query: bytes = scope["query_string"]
        return parse_qs(query.decode("latin-1"), max_num_fields=8).get("token", [""])[0]
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
