"""The server in a thread of this process."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from avseg.annotate.document.document import Document
from avseg.annotate.project import Project
from avseg.annotate.server import create_app
from avseg.annotate.server.launch import Server, uvicorn_config
from avseg.annotate.server.serialize import video_key
from avseg.annotate.session import Session
from tests.annotate.browser.slow_network import with_network

CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
TOKEN = "browser-token"


class Live:
    """A running server: its address with the token, and the application behind it; it can be restarted."""

    def __init__(self, folder: Path, prepare: Callable[[Any], None], options: dict[str, Any]) -> None:
        self._folder, self._prepare, self._options = folder, prepare, options
        self._port = 0
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/?token={TOKEN}"

    def start(self) -> None:
        options = {"propagator": "flow", **self._options}  # the default one imports torch
        project = Project(self._folder, annotator=options.pop("annotator", None))
        self.app = create_app(project, TOKEN, **options)
        self._prepare(self.app)
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        self._server = Server(uvicorn_config(with_network(self.app)))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        self._listener.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def document(self, name: str) -> Document:
        result: Document = self.app.state.workspace.open(video_key(name)).document
        return result

    def session(self, name: str) -> Session:
        result: Session = self.app.state.workspace.open(video_key(name)).session
        return result


@contextmanager
def serving(folder: Path, prepare: Callable[[Any], None] = lambda _: None, **options: Any) -> Iterator[Live]:
    """Serve a folder; `prepare` may change the application before each start."""
    live = Live(folder, prepare, options)
    try:
        yield live
    finally:
        live.stop()
