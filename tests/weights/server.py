"""A server on this machine that stands for Google Drive, a web server and the Hugging Face Hub."""

import contextlib
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = b"<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title><p class='uc'>Sorry</p></html>"
# on one line, as Google Drive writes it
CONFIRM = (
    b'<!DOCTYPE html><html><form id="download-form" action="https://drive.usercontent.google.com/download">'
    b'<input type="hidden" name="id" value="%s"><input type="hidden" name="confirm" value="t"></form></html>'
)


@dataclass
class Shelf:
    """The files of the server by path, and how it misbehaves."""

    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)  # each response of a file is cut after the next of these bytes
    requests: list[str] = field(default_factory=list)  # "PATH RANGE"
    address: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    shelf: Shelf

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if url.path == "/uc":  # Google Drive's first answer for a large file
            identifier = query["id"][0]
            page = CONFIRM % identifier.encode() if f"drive/{identifier}" in self.shelf.files else PAGE
            self._send(page, {"Content-Type": "text/html; charset=utf-8"})
        elif url.path == "/download":
            self._send_file(f"drive/{query['id'][0]}", {"Content-Disposition": 'attachment; filename="weights.pth"'})
        elif url.path == "/embeddedfolderview":
            self._send(self.shelf.files[f"folder/{query['id'][0]}"], {"Content-Type": "text/html; charset=utf-8"})
        elif match := re.fullmatch(r"/api/models/(.+?)(/revision/.+|/tree/.+)?", url.path):
            self._send_repository(match[1], tree="/tree/" in (match[2] or ""))
        elif match := re.fullmatch(r"/(.+?)/resolve/[^/]+/(.+)", url.path):
            name = f"{match[1]}/{match[2]}"
            digest = hashlib.sha1(self.shelf.files.get(name, b"")).hexdigest()
            self._send_file(name, {"ETag": f'"{digest}"', "X-Repo-Commit": "a" * 40})
        else:
            self._send_file(url.path.lstrip("/"), {})

    def _send_repository(self, name: str, *, tree: bool) -> None:
        files = [path.removeprefix(f"{name}/") for path in self.shelf.files if path.startswith(f"{name}/")]
        if not files:
            self._send(b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"}, 404)
            return
        entries = []
        for path in files:
            content = self.shelf.files[f"{name}/{path}"]
            digest = hashlib.sha1(content).hexdigest()
            entries.append({"type": "file", "path": path, "size": len(content), "oid": digest})
        siblings = [{"rfilename": path} for path in files]
        info = {"_id": "0" * 24, "id": name, "modelId": name, "sha": "a" * 40, "siblings": siblings, "private": False}
        info |= {"tags": [], "downloads": 0, "likes": 0}
        self._send(json.dumps(entries if tree else info).encode(), {"Content-Type": "application/json"})

    def _send_file(self, name: str, headers: dict[str, str]) -> None:
        content = self.shelf.files.get(name)
        wanted = self.headers.get("Range", "")
        self.shelf.requests.append(f"{self.command} {name} {wanted}".strip())
        if content is None:
            self._send(b"nothing here", {"X-Error-Code": "EntryNotFound"}, 404)
            return
        headers = {"Content-Type": "application/octet-stream", "ETag": '"1"', "Accept-Ranges": "bytes", **headers}
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._send(content[start:], headers, 206 if wanted else 200, cuts=self.command == "GET")

    def _send(self, body: bytes, headers: dict[str, str], code: int = 200, *, cuts: bool = False) -> None:
        self.send_response(code)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if cuts and self.shelf.cut_after:
            body = body[: self.shelf.cut_after.pop(0)]
        with contextlib.suppress(ConnectionError):  # the client has closed
            self.wfile.write(body)


class Server:
    """Serves a shelf in a thread, as a context manager."""

    def __enter__(self) -> Shelf:
        shelf = Shelf()
        handler = type("Handler", (_Handler,), {"shelf": shelf})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        shelf.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return shelf

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
