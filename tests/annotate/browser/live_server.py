"""The server in a thread of this process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from avseg.annotate.document.document import Document
from avseg.annotate.server import create_app
from avseg.annotate.server.launch import Server, uvicorn_config
from avseg.annotate.server.serialize import video_key
from avseg.annotate.session import Session

CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
TOKEN = "browser-token"


@dataclass
class Live:
    """A running server: its address with the token, and the application behind it."""

    address: str
    app: FastAPI

    def document(self, name: str) -> Document:
        result: Document = self.app.state.workspace.opened(video_key(name)).document
        return result

    def session(self, name: str) -> Session:
        result: Session = self.app.state.workspace.opened(video_key(name)).session
        return result


@contextmanager
def serving(folder: Path, **options: object) -> Iterator[Live]:
    app = create_app(folder, TOKEN, **options)  # type: ignore[arg-type]
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(uvicorn_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield Live(f"http://127.0.0.1:{listener.getsockname()[1]}/?token={TOKEN}", app)
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
