"""Run the server: find a free port, print an address with the token, and stop without waiting for open pages."""

import errno
import html
import ipaddress
import logging
import os
import socket
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI

from avseg.annotate.project import Project
from avseg.annotate.server.app import create_app
from avseg.annotate.server.identity import Identity, load_identity, save_identity
from avseg.annotate.server.security import LOOPBACK
from avseg.annotate.server.timed_protocol import TimedProtocol
from avseg.utils.errors import UserError

HOST = "127.0.0.1"
PORT = 8321
_MAX_PORTS = 20  # tried from the requested one on


def serve(
    project: Project | Path | str,
    *,
    host: str = HOST,  # any but the loopback admits others on the network who know the token
    port: int = PORT,  # 0 = any free one; if it is in use, the next free one is taken
    backend: str = "default",
    propagator: str | None = None,
    video: str | None = None,  # opened first
    open_browser: bool = False,
    **options: Any,
) -> None:
    """Run the application until it is interrupted; print its address, which includes the token.

    Raises:
        UserError: see `create_app`; or there is not any free port.
    """
    project = project if isinstance(project, Project) else Project(Path(project))
    if video is not None:
        project.path(video)  # raises for an unknown one
    last = load_identity(project.folder)
    token = last.token
    app = create_app(project, token, backend, propagator, [] if host in LOOPBACK else [host], **options)
    with _listen(host, port, last.port) as listener:
        bound = listener.getsockname()[1]
        address = page_address(host, bound, token, video)
        with suppress(OSError):  # a read-only folder: its pages end with the server
            save_identity(project.folder, Identity(token, bound))
        sys.stdout.write(f"annotate {project.folder} at {address}\n")
        if host not in LOOPBACK:
            sys.stdout.write(f"{host} can be reached from the network: everybody who knows the address can annotate\n")
        sys.stdout.write("Ctrl+C stops it; every step is already saved\n")
        sys.stdout.flush()
        with _redirect_file(address) if open_browser else nullcontext() as page:
            if page is not None:
                webbrowser.open(page.as_uri())
            Server(uvicorn_config(app)).run(sockets=[listener])


class Server(uvicorn.Server):
    """Close the event streams of open pages first; uvicorn would wait for them until its timeout."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the streams, then shut down."""
        self.config.app.state.workspace.close_event_streams()  # type: ignore[union-attr]
        await super().shutdown(sockets)


def uvicorn_config(app: FastAPI) -> uvicorn.Config:
    """Configure the server without an access log, since the first request of each page contains the token."""
    return uvicorn.Config(
        app,
        http=TimedProtocol,
        log_level=logging.WARNING,
        access_log=False,
        timeout_graceful_shutdown=2,
        server_header=False,
    )


def page_address(host: str, port: int, token: str, video: str | None = None) -> str:
    """Compose the address to open."""
    name = "127.0.0.1" if host in ("", "0.0.0.0") else "[::1]" if host == "::" else host
    with suppress(ValueError):  # a host name, not a number
        name = f"[{name}]" if ipaddress.ip_address(name).version == 6 else name
    return f"http://{name}:{port}/?token={token}" + (f"#{quote(video)}" if video else "")


@contextmanager
def _redirect_file(address: str) -> Iterator[Path]:
    """Write a private page that leads to an address: the arguments of the browser are visible to every user."""
    with tempfile.TemporaryDirectory(prefix="avseg-") as folder:  # mode 0700
        page = Path(folder) / "open.html"
        link = html.escape(address, quote=True)
        page.write_text(
            f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={link}">'
            f'<title>avseg annotate</title><a href="{link}">open the annotation tool</a>\n',
            encoding="utf-8",
        )
        yield page


def _listen(host: str, port: int, last: int = 0) -> socket.socket:
    """Open a socket on the port or on the next free one; for port 0 on the last one if that is free."""
    ports = range(port, min(port + _MAX_PORTS, 65536)) if port else [last, 0] if last else [0]
    for candidate in ports:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, candidate), family=family)
        except OSError as error:
            code = error.errno or 0  # of a name that cannot be resolved it is not an errno
            reason = os.strerror(code) if code in errno.errorcode else str(error.strerror or error)
            if code not in (errno.EADDRINUSE, errno.EACCES):
                raise UserError(f"--host {host}: cannot listen ({reason}); give an address of this machine") from None
    raise UserError(f"--host {host} --port {port}: cannot listen ({reason}); choose another port")
