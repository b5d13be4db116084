"""The annotation tool's server: one page, JSON and bytes for one person on one machine.

`create_app` makes the application, `serve` runs it. Both need the extra `annotate`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avseg.utils.errors import UserError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from avseg.annotate.project import Project

HOST = "127.0.0.1"
PORT = 8321


def create_app(
    project: "Project | Path | str",
    token: str,
    backend: str = "default",
    propagator: str | None = None,
    hosts: Iterable[str] = (),
    **options: Any,
) -> "FastAPI":
    """The application.

    Args:
        project: the folder of videos.
        token: without it nothing is answered.
        backend: draws masks from points, and carries them on where it can (see `backends`).
        propagator: carries masks on, where that is another one.
        hosts: further names under which the server may be called; always allowed are those of the loopback.
        options: of the backend.

    Raises:
        UserError: the extra `annotate` is not installed, the folder is missing, the backend is unknown.
    """
    with _Extra():
        from avseg.annotate.server.app import build
    return build(project, token, backend, propagator, hosts, options)


def serve(
    project: "Project | Path | str",
    *,
    host: str = HOST,
    port: int = PORT,
    backend: str = "default",
    propagator: str | None = None,
    video: str | None = None,
    open_browser: bool = False,
    **options: Any,
) -> None:
    """Runs the application until it is interrupted; prints its address, token included.

    Args:
        project: the folder of videos.
        host: where to listen; anything but the loopback lets others on the network in who know the token.
        port: 0 = any that is free; the next free one where it is taken.
        backend: see `create_app`.
        propagator: see `create_app`.
        video: opened first.
        open_browser: whether to open the address.
        options: of the backend.

    Raises:
        UserError: see `create_app`; or no port is free.
    """
    with _Extra():
        from avseg.annotate.server.launch import run
    run(project, host, port, backend, propagator, video, open_browser, options)


class _Extra:
    """Turns a missing package into one line."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ImportError):
            raise UserError(
                f"the annotation tool needs {error.name}: install avseg with the extra 'annotate' "
                "(pip install 'avseg[annotate]')"
            ) from error
