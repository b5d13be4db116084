"""Runs the server: a free port, a token in the address, an end without waiting for open pages."""

import errno
import ipaddress
import logging
import os
import secrets
import socket
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI

from avseg.annotate.project import Project
from avseg.annotate.server.app import build
from avseg.annotate.server.security import LOOPBACK
from avseg.utils.errors import UserError

_TRIED = 20  # ports, from the one that was asked for


def run(
    project: Project | Path | str,
    host: str,
    port: int,
    backend: str,
    propagator: str | None,
    video: str | None,
    open_browser: bool,
    options: dict[str, Any],
) -> None:
    """See `avseg.annotate.server.serve`."""
    project = project if isinstance(project, Project) else Project(Path(project))
    if video is not None:
        project.path(video)
    token = secrets.token_urlsafe(24)
    app = build(project, token, backend, propagator, [] if host in LOOPBACK else [host], options)
    with _listening(host, port) as listener:
        address = address_of(host, listener.getsockname()[1], token, video)
        sys.stdout.write(f"annotate {project.folder} at {address}\n")
        if host not in LOOPBACK:
            sys.stdout.write(f"{host} can be reached from the network: whoever knows the address can annotate\n")
        sys.stdout.write("Ctrl+C ends it; every step is saved already\n")
        sys.stdout.flush()
        if open_browser:
            webbrowser.open(address)
        Server(config_of(app)).run(sockets=[listener])


class Server(uvicorn.Server):
    """Ends the event streams of open pages first: it would wait for them in vain."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends."""
        self.config.app.state.studio.hush()  # type: ignore[union-attr]
        await super().shutdown(sockets)


def config_of(app: FastAPI) -> uvicorn.Config:
    """How the application is run: quietly, since the first request of each page holds the token."""
    return uvicorn.Config(
        app, log_level=logging.WARNING, access_log=False, timeout_graceful_shutdown=2, server_header=False
    )


def address_of(host: str, port: int, token: str, video: str | None = None) -> str:
    """The address to open."""
    shown = "127.0.0.1" if host in ("", "0.0.0.0") else "[::1]" if host == "::" else host
    with suppress(ValueError):  # a name
        shown = f"[{shown}]" if ipaddress.ip_address(shown).version == 6 else shown
    return f"http://{shown}:{port}/?token={token}" + (f"#{quote(video)}" if video else "")


def _listening(host: str, port: int) -> socket.socket:
    """A socket on the port, or on the next one that is free."""
    for candidate in [port] if port == 0 else range(port, min(port + _TRIED, 65536)):
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, candidate), family=family)
        except OSError as error:
            number = error.errno or 0
            reason = os.strerror(number) if number in errno.errorcode else str(error.strerror or error)
            if number not in (errno.EADDRINUSE, errno.EACCES):
                raise UserError(
                    f"--host {host}: cannot listen there ({reason}); give an address of this machine"
                ) from None
    raise UserError(f"--host {host} --port {port}: cannot listen there ({reason}); choose another port")
