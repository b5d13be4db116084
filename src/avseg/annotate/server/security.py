"""Who may speak to the server, and how much they may send: checked before anything else sees a request.

A page of another site must not drive the tool through the visitor's browser: a name that is rebound to the loopback
address fails at Host, a form or script of another page fails at Origin, a picture or script tag at Sec-Fetch-Site, and
whoever does not know the token at the token. It is given once in the address and then kept in a cookie that scripts
cannot read and other sites do not send.
"""

import ipaddress
import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avseg.annotate.server.errors import refusal

BODY_LIMIT = 4 * 2**20  # bytes; the run lengths of a jagged mask at 4K take one
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
HEADER = "x-avseg-token"
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class Guard:
    """ASGI middleware: Host, Origin, token, the size of bodies and the headers of every answer.

    Args:
        app: what is guarded.
        token: the secret of the address.
        hosts: names and addresses under which the server may be called, without port. Where one of them is not of the
            loopback, any address in numbers is allowed too: only names can be rebound.
        body_limit: bytes.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Iterable[str] = LOOPBACK, body_limit: int = BODY_LIMIT) -> None:
        self.app, self.token, self.body_limit = app, token, body_limit
        self.hosts = {host.strip("[]").lower() for host in hosts} | LOOPBACK
        self.numbers = self.hosts > LOOPBACK

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what is allowed, answers the rest in one line."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = _Answer(send, self._cookie_to_set(scope, headers))
        wrong = self._wrong(scope, headers)
        if wrong:
            await refusal(*wrong)(scope, receive, answer)
            return
        await self.app(scope, _Bounded(receive, self.body_limit), answer)

    def _wrong(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Status and reason why a request is refused, None where it is allowed."""
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._allowed(host):
            return 421, "this server does not answer under that Host; open the address it printed"
        origin = headers.get("origin")
        if origin is not None and origin != f"{scope['scheme']}://{host}":
            return 403, "requests from other pages (Origin) are refused"
        navigation = headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not navigation:
            return 403, "requests from other sites are refused"
        if not self._knows_token(scope, headers):
            return 401, "the token is missing or wrong; open the address that the server printed when it started"
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            return 400, "Content-Length is not a number"
        if len(length) > 12 or int(length) > self.body_limit:
            return 413, f"the body is larger than {self.body_limit // 2**20} MiB"
        return None

    def _allowed(self, host: str) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name = (parts.hostname or "").lower()
            _ = parts.port
        except ValueError:
            return False
        if parts.netloc != host or "@" in host:
            return False
        return name in self.hosts or (self.numbers and _is_address(name))

    def _knows_token(self, scope: Scope, headers: Headers) -> bool:
        given = [headers.get(HEADER, ""), _cookie(headers), _in_address(scope)]
        return any(secrets.compare_digest(one.encode(), self.token.encode()) for one in given)

    def _cookie_to_set(self, scope: Scope, headers: Headers) -> str | None:
        if scope["path"] != "/" or not secrets.compare_digest(_in_address(scope).encode(), self.token.encode()):
            return None
        return f"{cookie_name(headers.get('host', ''))}={self.token}; Path=/; HttpOnly; SameSite=Strict"


class _Bounded:
    """Counts the bytes of a body as they arrive and stops where there are too many."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self.receive, self.left, self.limit = receive, limit, limit

    async def __call__(self) -> Message:
        message = await self.receive()
        if message["type"] == "http.request":
            self.left -= len(message.get("body", b""))
            if self.left < 0:
                raise HTTPException(413, f"the body is larger than {self.limit // 2**20} MiB")
        return message


class _Answer:
    """Adds the headers that every answer carries."""

    def __init__(self, send: Send, cookie: str | None) -> None:
        self.send, self.cookie = send, cookie

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
            if self.cookie and message["status"] == 200:
                headers.append("set-cookie", self.cookie)
        await self.send(message)


def cookie_name(host: str) -> str:
    """The cookie of one server: cookies know no ports, and several servers may run on one machine."""
    port = urlsplit(f"//{host}").port
    return f"avseg-{port or 80}"


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(cookie_name(headers.get("host", "")))
    except (CookieError, ValueError):
        return ""
    return found.value if found else ""


def _in_address(scope: Scope) -> str:
    if scope["path"] != "/":
        return ""  # elsewhere it would stand in logs and in the history
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
