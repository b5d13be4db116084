"""A real server on a real port: raw requests that no client library would send, event streams, shutdown."""

import asyncio
import json
import socket
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from avseg.annotate.server import serve
from avseg.annotate.server.events import EventHub
from avseg.annotate.server.identity import Identity, load_identity, save_identity
from avseg.annotate.server.launch import page_address
from avseg.annotate.server.timed_protocol import TimedProtocol
from avseg.utils.errors import UserError
from tests.annotate.browser.live_server import TOKEN, Live, serving


def raw(live: Live, request: bytes, repeated: bytes = b"") -> bytes:
    """Send raw bytes and return the response until the server closes the connection."""
    port = int(live.address.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request.replace(b"PORT", str(port).encode()).replace(b"TOKEN", TOKEN.encode()))
        with suppress(OSError):  # it has refused and closed already
            for _ in range(400 if repeated else 0):
                connection.sendall(repeated)
            connection.shutdown(socket.SHUT_WR)
        content = b""
        while len(content) < 2**20:
            try:
                chunk = connection.recv(65536)
            except OSError:
                break
            if not chunk:
                break
            content += chunk
        return content


HEAD = b" HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-Avseg-Token: TOKEN\r\nConnection: close\r\n"


def test_raw_attacks_and_the_server_goes_on(folder: Path) -> None:
    with serving(folder) as live:
        for path in (
            b"/../../../etc/passwd",
            b"/..",
            b"/./../server/security.py",
            b"//etc/passwd",
            b"/%00",
            b"/api/v/../../x",
        ):
            content = raw(live, b"GET " + path + HEAD + b"\r\n")
            assert b"404" in content.split(b"\r\n", 1)[0], (path, content)
            assert b"root:" not in content
        assert b" 421 " in raw(live, b"GET / HTTP/1.1\r\nHost: evil.example\r\nX-Avseg-Token: TOKEN\r\n\r\n")
        twice = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nHost: evil.example\r\nX-Avseg-Token: TOKEN\r\n\r\n"
        assert b" 200 " not in raw(live, twice).split(b"\r\n", 1)[0] + b" "
        assert raw(live, b"\x00\xff garbage\r\n\r\n")[:12] in (b"HTTP/1.1 400", b"")
        chunked = b"POST /api/v/0/do" + HEAD + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert b" 200 " not in raw(live, chunked, b"10000\r\n" + b" " * 65536 + b"\r\n")[:16]
        answer = httpx.get(live.address)
        assert answer.status_code == 200


def test_changes_arrive_as_events_and_the_end_comes_soon(folder: Path) -> None:
    with serving(folder) as live:
        base = live.address.split("/?")[0]
        with httpx.Client(base_url=base, headers={"x-avseg-token": TOKEN}, timeout=30) as client:
            (entry,) = client.get("/api/videos").json()["videos"]
            address = f"/api/v/{entry['key']}"
            client.post(f"{address}/open")
            with client.stream("GET", f"{address}/events") as stream:
                lines = stream.iter_lines()
                assert next(lines).startswith("retry")
                assert json.loads(next(line for line in lines if line.startswith("data:"))[5:]) == {
                    "kind": "version",
                    "version": 0,
                }
                ops = [{"op": "add_object", "label": "dog"}]
                me = {"x-avseg-client": "me"}
                assert httpx.post(
                    f"{base}{address}/do", json={"ops": ops, "base_version": 0}, headers={"x-avseg-token": TOKEN, **me}
                ).is_success
                event = json.loads(next(line for line in lines if line.startswith("data:"))[5:])
                assert event["kind"] == "changed"
                assert (event["by"], event["version"]) == ("me", 1)
                live.app.state.workspace.close_event_streams()
                assert [line for line in lines if line.startswith("data:")] == []  # the stream ends


def test_a_video_that_goes_away_while_it_is_open(folder: Path) -> None:
    with serving(folder) as live:
        base = live.address.split("/?")[0]
        with httpx.Client(base_url=base, headers={"x-avseg-token": TOKEN}, timeout=30) as client:
            (entry,) = client.get("/api/videos").json()["videos"]
            address = f"/api/v/{entry['key']}"
            client.post(f"{address}/open")
            (folder / "one.mp4").unlink()
            answers = [
                client.get(f"{address}/{resource}")
                for resource in ("frames/25", "peaks?start=0&end=1&columns=9", "queue")
            ]
            assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
            assert client.get("/api/videos").status_code == 200


def test_a_tab_that_does_not_read_must_reload() -> None:
    async def watch() -> list[str]:
        hub = EventHub()
        stream = hub.stream()
        first = await anext(stream)
        await anext(stream)  # the version
        for number in range(3000):
            hub.publish("progress", done=number)
        await asyncio.sleep(0)
        second = await anext(stream)
        hub.close()
        return [first, second]

    first, second = asyncio.run(watch())
    assert first.startswith("retry")
    assert json.loads(second[5:])["kind"] in ("lost", "progress")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:5/?token=t"),
        ("::1", "http://[::1]:5/?token=t"),
        ("0.0.0.0", "http://127.0.0.1:5/?token=t"),
        ("studio.lan", "http://studio.lan:5/?token=t"),
    ],
)
def test_addresses(host: str, address: str) -> None:
    assert page_address(host, 5, "t") == address
    assert page_address(host, 5, "t", "a b.mp4") == f"{address}#a%20b.mp4"


def test_errors_before_the_server_starts(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        serve(tmp_path / "nothing")
    with pytest.raises(UserError, match="unknown"):
        serve(folder, backend="defualt")
    with pytest.raises(UserError, match=r"^--host 203\.0\.113\.7: cannot listen \(Cannot assign [a-z ]+\); give an"):
        serve(folder, host="203.0.113.7")
    with pytest.raises(UserError, match=r"one\.mp4"):
        serve(folder, video="won.mp4")


def test_token_and_port_are_kept_for_the_next_start_in_a_private_file(tmp_path: Path) -> None:
    first = load_identity(tmp_path)
    save_identity(tmp_path, Identity(first.token, 8400))
    path = tmp_path / ".avseg" / "server.json"
    assert path.stat().st_mode & 0o077 == 0
    assert load_identity(tmp_path) == (first.token, 8400)
    path.chmod(0o644)  # somebody else may have read it
    assert load_identity(tmp_path).token != first.token
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.json")
    assert load_identity(tmp_path).port == 0


def test_the_address_is_not_in_the_arguments_of_the_browser(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr("avseg.annotate.server.launch.webbrowser.open", opened.append)
    monkeypatch.setattr("avseg.annotate.server.launch.Server.run", lambda self, sockets: opened.append(page(opened[0])))

    def page(address: str) -> str:
        path = Path(address.removeprefix("file://"))
        assert path.parent.stat().st_mode & 0o077 == 0
        return path.read_text()

    serve(folder, port=0, open_browser=True)
    address, content = opened
    assert "token" not in address
    assert load_identity(folder).token in content


@pytest.mark.parametrize(
    "part", [b"", b"GET / HTTP/1.1\r\nHost: 127", b"POST /api/v/0/do" + HEAD + b"Content-Length: 100\r\n\r\nabc"]
)
def test_a_request_that_does_not_arrive_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch, part: bytes) -> None:
    monkeypatch.setattr(TimedProtocol, "arrival", 0.4)
    with serving(folder) as live:
        port = int(live.address.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(part.replace(b"PORT", str(port).encode()).replace(b"TOKEN", TOKEN.encode()))
            while connection.recv(65536):  # until it is closed
                pass
        with httpx.Client(headers={"x-avseg-token": TOKEN}) as client:  # a slow answer or a pause is no such request
            for _ in range(2):
                assert client.get(live.address.split("/?")[0] + "/api/videos").status_code == 200
                time.sleep(0.2)
